"""Quantisation: rounding to a grid (scheme), and Linear layers that compute on it (layers)."""
