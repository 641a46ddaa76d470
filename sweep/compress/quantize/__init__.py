"""Quantisation: rounding to a grid (scheme), and Linear layers that compute on it (layers)."""

from sweep.compress.quantize.scheme import OnGrid, Scheme

__all__ = ["OnGrid", "Scheme"]
