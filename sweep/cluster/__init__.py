"""One sweep on one Ray cluster, its search and its confirmation: drivers, workers, live views."""
