"""Run a sweep, its search and its confirmation, on a Ray cluster: drivers, workers, listeners."""
