"""Quantisation: numbers on a grid (schemes), Linear layers that compute there, what it measures.

scheme      pure functions from a tensor to its grid; which grid a dense model is on
layers      Linear layers that round their inputs, weights and biases in each forward pass, and
            what a model on its grid holds: values, bits, bytes
grid_file   the file that says on which grid an exported model is
"""

from sweep.compress.quantize.scheme import OnGrid, Scheme

__all__ = ["OnGrid", "Scheme"]
