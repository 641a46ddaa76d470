"""The course of a sweep: its timeline, cost, rungs, traces, and the importance of parameters."""
