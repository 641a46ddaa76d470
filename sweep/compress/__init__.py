"""What happens to one model: tasks, pruning, quantisation, the dense model, training, one trial."""
