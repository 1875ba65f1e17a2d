"""Opinions → verdict: the brief, its answers, the panel that is asked, and what is made of it."""
