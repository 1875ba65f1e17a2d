"""Parameter searches: what Optuna proposes, who evaluates it, and where it is kept."""
