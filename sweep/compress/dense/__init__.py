"""The dense model that all trials start from: made once, measured once, put back for each trial."""
