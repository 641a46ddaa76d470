"""The ledger of a regression, where a smaller error is better and no example is right or wrong."""

from __future__ import annotations

import random
from typing import Any

from tests.analysis.ledgers import EXAMPLES, LedgerBuilder, measured

UNIT = "points of the scale"
METRICS = {
    "rmse": {"direction": "min", "unit": UNIT, "worst": None, "chance": 2.5},
    "f1": {"direction": "max", "unit": "share", "worst": 0.0, "chance": 0.0},
}
DENSE = 1.0
DENSE_TEST = 1.1


def errors(rmse: float, sparsity: float, dense: float = DENSE) -> dict[str, Any]:
    """The figures of an evaluation; the standard error is 2 % of the value."""
    sizes = measured(0, sparsity)
    for name in ("accuracy", "correct"):
        del sizes[name]
    own = {"rmse": rmse, "rmse_se": 0.02 * rmse, "f1": 1 / (1 + rmse), "f1_se": 0.01}
    drop = {"baseline_rmse": dense, "rmse_drop": rmse - dense}
    return {**sizes, "loss": rmse**2, **own, **drop}


def rmse_sweep(trials: int = 12, seed: int = 0) -> LedgerBuilder:
    """A trade-off: the error grows with the sparsity and shrinks with each of two epochs."""
    draw = random.Random(seed)
    ledger = LedgerBuilder(
        name="ratings",
        metric="rmse",
        metrics=METRICS,
        directions={"rmse": "min", "sparsity": "max"},
        reference_point={"rmse": 3.0, "sparsity": 0.0},
    )
    spent = {"seconds": 9.0, "train_seconds": 8.0, "eval_seconds": 1.0}
    ledger.add("baseline", 9.0, **errors(DENSE, 0.0), **spent, model="models/tiny", warnings=[])
    for number in range(trials):
        name, sparsity = f"t{number:05}", round((number + 1) / (trials + 1), 3)
        given = {"method": draw.choice(["l1-norm", "random"]), "sparsity": sparsity}
        ledger.trial(name, seed=number, **given)
        for epoch in (0, 1, 2):
            value = DENSE + 2 * sparsity**3 - 0.03 * epoch + draw.uniform(0.0, 0.01)
            record(ledger, name, epoch, value, sparsity)
        ledger.end(name)
    return ledger.add("finish")


def record(
    ledger: LedgerBuilder, trial_id: str, epoch: int, rmse: float, sparsity: float
) -> LedgerBuilder:
    """Add an evaluation of a trial."""
    own = {"trial_id": trial_id, "attempt": 1, "epoch": epoch, "partial": False}
    own |= {"stage": "recovered" if epoch else "pruned", "worker": "host:1"}
    spent = {"seconds": 1.0 + 9.0 * epoch, "train_seconds": 8.0 * (epoch > 0), "eval_seconds": 1.0}
    return ledger.add("record", 10.0, **own, **errors(rmse, sparsity), **spent)


def confirmed_rmse_sweep(seeds: int = 3) -> LedgerBuilder:
    """The same sweep, its front and a runner-up confirmed on test with errors 0.1 larger."""
    ledger = rmse_sweep()
    front = [(row.trial_id, int(row.epoch), row.rmse, row.sparsity) for row in front_of(ledger)]
    runner_up = (front[0][0], 1, 1.05, front[0][3])
    points = [
        {"trial_id": trial, "epoch": epoch, "why": why}
        for why, some in (("front", front), ("runner-up", [runner_up]))
        for trial, epoch, _, _ in some
    ]
    ledger.add("confirm", confirm=0, points=points, seeds=list(range(seeds)))
    dense = errors(DENSE_TEST, 0.0, DENSE_TEST)
    ledger.add("confirm_baseline", 1.0, **dense, warnings=[], split="test")
    for trial, epoch, rmse, sparsity in (*front, runner_up):
        for seed in range(seeds):
            test = rmse + 0.1 + 0.01 * (seed - (seeds - 1) / 2)
            own = {"trial_id": trial, "epoch": epoch, "seed": seed, "attempt": 1, "split": "test"}
            own |= {"stage": "recovered" if epoch else "pruned", "partial": False, "seconds": 9.0}
            fresh = {"validation_rmse": rmse + 0.04, "validation_examples": EXAMPLES}
            figures = errors(test, sparsity, DENSE_TEST) | fresh
            ledger.add("confirm_record", 10.0, **own, **figures, worker="host:1")
            if (trial, epoch) != (front[0][0], front[0][1]):  # its retraining has a second epoch
                ledger.add("confirm_end", trial_id=trial, seed=seed, status="completed", error=None)
    return ledger.add("confirm_finish", confirm=0)


def front_of(ledger: LedgerBuilder) -> list[Any]:
    """The rows of the front of a ledger."""
    return list(ledger.load().front.itertuples())
