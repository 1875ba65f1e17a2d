"""Planning, sizing, margin, checks and breakers: what may be risked, and why not."""
