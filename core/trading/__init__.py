"""Deciding, approving, executing and guarding. Deciding is a straight line; acting is level-triggered."""
