"""The search: proposals for the params of trials, and early stopping."""
