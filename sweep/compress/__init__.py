"""All work on one model: tasks, pruning, quantisation, the dense model, training, a trial."""
