"""A matrix of model families: each is opened, pruned, trained, exported and read back."""
