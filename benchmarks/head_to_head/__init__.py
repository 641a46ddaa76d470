"""A comparison of all pruning methods by sweeps of this project."""
