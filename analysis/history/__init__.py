"""The course of a sweep: its timeline, cost, traces, and the importance of parameters."""
