"""Sweeps for other schedulers of machines, as files that these take: Slurm and Kubernetes."""
