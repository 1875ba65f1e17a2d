"""The storm: the real engine against a lagging, faulty venue and disk, killed at will, replayed from a seed.

One seed is one schedule: `python -m tests.simulation SEED` plays it again and prints its trace.
"""
