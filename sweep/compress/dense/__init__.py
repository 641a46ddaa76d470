"""The dense model that all trials start from: made once, measured once, restored for each trial."""
