"""A pruning criterion, a task, a metric and a listener, registered by entry points."""
