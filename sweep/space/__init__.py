"""The search space: the parameters of a trial, their domains, and which of them are active."""
