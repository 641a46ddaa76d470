"""Faults, injected one by one into real sweeps of the closed-form task, and what they cost."""
