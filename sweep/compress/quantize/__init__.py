"""Quantisation: numbers on a grid (scheme), and Linear layers that compute there (layers)."""

from sweep.compress.quantize.scheme import OnGrid, Scheme

__all__ = ["OnGrid", "Scheme"]
