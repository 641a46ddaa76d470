"""The fault matrix: faults are injected one by one into real sweeps of the closed-form task."""
