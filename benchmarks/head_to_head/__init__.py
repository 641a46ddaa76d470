"""Every method of scoring weights against every other, by this project's own sweeps."""
