"""A formula in place of a model: whole sweeps without torch, data or downloads, in seconds."""
