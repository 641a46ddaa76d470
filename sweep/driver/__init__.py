"""One sweep on one Ray cluster: the driver, its worker actors, and what a person sees of it."""
