"""Pruning of weights (criteria score them, a scope compares the scores) and of activations."""
