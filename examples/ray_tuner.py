"""The search's early stopping in a Ray Tuner: python examples/ray_tuner.py (needs a minute)."""

from ray import tune

from sweep import MoashaScheduler


def train(config: dict) -> None:
    cost = config["sparsity"] ** 6 * (2 if config["method"] == "random" else 1)
    for epoch in range(1, 10):  # your model: prune it, then train it for one epoch after another
        figures = {"accuracy": 0.9 - cost / (3 + epoch), "accuracy_se": 0.01}
        tune.report({**figures, "sparsity": config["sparsity"]})


scheduler = MoashaScheduler({"accuracy": "max", "sparsity": "max"}, max_epochs=9)
space = {
    "method": tune.grid_search(["l1-norm", "random"]),
    "sparsity": tune.grid_search([0.5, 0.6, 0.7, 0.8, 0.9, 0.95]),
}
config = tune.TuneConfig(scheduler=scheduler, reuse_actors=True)
for result in tune.Tuner(train, param_space=space, tune_config=config).fit():
    epochs, accuracy = result.metrics["training_iteration"], result.metrics["accuracy"]
    print(result.config, f"{accuracy:.3f} after {epochs} epochs")
