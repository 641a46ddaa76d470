"""The dense model that all trials start from: made once, measured once, put back for each trial."""

from sweep.dense.working import Dense

__all__ = ["Dense"]
