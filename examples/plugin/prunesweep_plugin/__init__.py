"""A pruning criterion, a task, a metric and a listener, added by entry points (pyproject.toml)."""
