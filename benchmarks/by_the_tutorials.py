"""A sweep as in the tutorials of the libraries, for comparison in `trial_overhead`.

It is a Ray Tune function trainable under FIFO. Each trial loads data and model, prunes the model
with `torch.nn.utils.prune`, and finetunes it with a new Hugging Face Trainer. Trials share nothing.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

METHODS = {"l1-norm": "l1_unstructured", "random": "random_unstructured"}
GLOBAL_METHODS = {"l1-norm": "L1Unstructured", "random": "RandomUnstructured"}


def prune_linears(model: Any, method: str, scope: str, sparsity: float) -> None:
    """Prune every Linear weight with `torch.nn.utils.prune`."""
    from torch import nn
    from torch.nn.utils import prune

    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if scope == "global":
        pairs = [(module, "weight") for module in linears]
        prune.global_unstructured(pairs, getattr(prune, GLOBAL_METHODS[method]), amount=sparsity)
        return
    for module in linears:
        getattr(prune, METHODS[method])(module, "weight", amount=sparsity)


def accuracy(prediction: Any) -> dict[str, float]:
    """The `compute_metrics` function of the Trainer."""
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def make_trainer(model: Any, data: Any, config: dict[str, Any]) -> Any:
    """Return a Trainer with our settings that saves and logs nothing."""
    from ray import tune
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Report(TrainerCallback):  # type: ignore[misc]
        def on_evaluate(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            found = given["metrics"]["eval_accuracy"]
            tune.report({"accuracy": found, "epoch": round(state.epoch or 0), "at": time.time()})

    settings = TrainingArguments(
        output_dir=config["scratch"],
        learning_rate=config["learning_rate"],
        lr_scheduler_type="constant",
        num_train_epochs=config["finetune_epochs"],
        per_device_train_batch_size=config["batch_size"],
        per_device_eval_batch_size=128,
        weight_decay=0.01,
        eval_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    return Trainer(
        model=model,
        args=settings,
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        compute_metrics=accuracy,
        callbacks=[Report()],
    )


def trial(config: dict[str, Any]) -> None:
    """Load, prune, evaluate, and finetune with an evaluation after each epoch."""
    import datasets
    from transformers import AutoModelForSequenceClassification

    data = datasets.load_from_disk(config["data"])
    model = AutoModelForSequenceClassification.from_pretrained(config["model"])
    prune_linears(model, config["method"], config["scope"], config["sparsity"])
    trainer = make_trainer(model, data, config)
    trainer.evaluate()
    if config["finetune_epochs"]:
        trainer.train()


def run(space: dict[str, list[Any]], fixed: dict[str, Any], workers: int) -> list[dict[str, Any]]:
    """Run every combination of ``space`` on so many workers; return each trial's last report."""
    import ray
    from ray import tune
    from ray.tune.schedulers import FIFOScheduler

    ray.init(include_dashboard=False, log_to_driver=False, num_cpus=workers)
    tuner = tune.Tuner(
        tune.with_resources(trial, {"cpu": 1}),
        param_space={name: tune.grid_search(values) for name, values in space.items()} | fixed,
        tune_config=tune.TuneConfig(scheduler=FIFOScheduler(), max_concurrent_trials=workers),
        run_config=tune.RunConfig(
            name="tutorial", storage_path=str(Path(fixed["scratch"]).resolve()), verbose=0
        ),
    )
    grid = tuner.fit()
    if grid.num_errors:
        raise SystemExit(f"{grid.num_errors} trials failed; the first: {grid.errors[0]}")
    found = [
        {**{name: result.config[name] for name in space}, **_last(result.metrics)}
        for result in grid
    ]
    ray.shutdown()
    return found


def _last(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: metrics[name] for name in ("accuracy", "epoch", "at")}
