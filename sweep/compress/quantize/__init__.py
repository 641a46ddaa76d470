"""Quantisation: numbers on a grid (schemes), Linear layers that compute there, what it measures.

scheme      pure functions from a tensor to its grid, and which of them a scheme uses
layers      Linear layers that round their inputs, weights and biases in each forward pass
stored      what a model on its grid holds: values, bits, bytes
start       which grid a dense model is on, and how it is finetuned there
dense       the dense model of a bench on its grids
"""

from sweep.compress.quantize.scheme import OnGrid, Scheme

__all__ = ["OnGrid", "Scheme"]
