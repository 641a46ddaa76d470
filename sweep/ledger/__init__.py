"""A sweep on disk or in an object store: its events, its folder, its checkpoints."""
