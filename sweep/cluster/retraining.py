"""A worker's part of `sweep confirm`: a trial's params again, under a fresh seed, read on test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep.compress.open import Bench, Runs
    from sweep.ledger.store import Place


def retrained(bench: Bench, root: Place, assignment: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A record on test, with what validation says, after each of the epochs ``wanted``.

    Trained is up to the last of them, whatever ``finetune_epochs`` says, but under the schedule of
    those ``finetune_epochs``: the horizon of the trial is the horizon here. Every epoch leaves a
    checkpoint under ``root``, which the next one replaces, and the newest that misses no wanted
    epoch is gone on from. Evaluated is at wanted epochs alone. Raises
    :class:`~sweep.errors.TrialError` where it diverges.
    """
    from sweep.ledger import checkpoint
    from sweep.space.params import Params

    name, wanted = assignment["trial_id"], sorted(assignment["wanted"])
    identity = {key: assignment[key] for key in ("params", "seed")}
    trial = bench.trial(Params.of(assignment["params"]), assignment["seed"], "test")
    found = checkpoint.latest(root, name, most=wanted[0])
    if found is not None and all(found[1][key] == identity[key] for key in identity):
        trial.load_state_dict(found[0])
    else:
        trial.prune()
    for epoch in wanted:
        seconds = 0.0
        while trial.epoch < epoch:
            seconds += trial.finetune()
            folder = checkpoint.epoch_folder(root, name, trial.epoch)
            checkpoint.save(folder, trial.state_dict(), identity)
            # Without older ones a retraining that lost its records only begins anew: it comes out
            # the same.
            checkpoint.drop_older(root, name, trial.epoch)
        yield _record(trial, seconds)


def _record(trial: Runs, train_seconds: float) -> dict[str, Any]:
    record = trial.record("recovered" if trial.epoch else "pruned", train_seconds)
    validation = trial.score("validation")
    return {
        **record.to_dict(),
        "validation_accuracy": validation.accuracy,
        "validation_correct": validation.correct,
        "validation_examples": validation.examples,
    }
