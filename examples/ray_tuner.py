"""The search's early stopping in a Ray Tuner: python examples/ray_tuner.py (needs a minute)."""

from ray import tune

from sweep.cluster.scheduler import MoashaScheduler


def train(config: dict) -> None:
    cost = config["sparsity"] ** 6 * (2 if config["method"] == "random" else 1)
    for epoch in range(1, 10):  # your model: prune it, then train it for an epoch at a time
        accuracy = 0.9 - cost / (3 + epoch)
        tune.report({"accuracy": accuracy, "accuracy_se": 0.01, "sparsity": config["sparsity"]})


tuner = tune.Tuner(
    train,
    param_space={"sparsity": tune.uniform(0.3, 0.95), "method": tune.choice(["l1-norm", "random"])},
    tune_config=tune.TuneConfig(
        num_samples=16,
        scheduler=MoashaScheduler({"accuracy": "max", "sparsity": "max"}, max_epochs=9),
    ),
)
for result in tuner.fit():
    stopped = "stopped" if result.metrics["training_iteration"] < 9 else "completed"
    print(stopped, result.config, f"accuracy {result.metrics['accuracy']:.3f}")
