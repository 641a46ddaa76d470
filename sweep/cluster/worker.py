"""The actor that runs trials, or retrains them, one after another; data and weights stay warm."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import ray
from ray import tune

from sweep.cluster.baseline import make_bench, received
from sweep.cluster.conductor import REPORT, Report
from sweep.cluster.machines import draining
from sweep.compress.dense.ship import Shipped, find_packed
from sweep.errors import StorageError, SweepError, TrialError, UsageError
from sweep.ledger import checkpoint
from sweep.ledger.record import Record
from sweep.ledger.store import Store, store_at
from sweep.space.params import Params

if TYPE_CHECKING:
    from sweep.compress.loop import Loop
    from sweep.compress.open import Bench

logger = logging.getLogger(__name__)

Assignment = Mapping[str, Any]
"""See :meth:`sweep.search.jobs.Job.assignment`."""


class Worker(tune.Trainable):  # type: ignore[misc]
    """A step is one record: of a trial, or (`sweep confirm`) of a retraining.

    What goes wrong in it is a result too, never an exception.
    """

    def setup(
        self,
        config: dict[str, Any],
        settings: dict[str, Any],
        added: bytes,
        checkpoints: str,
        kept: str,
        dense: Sequence[Any] = (),
    ) -> None:
        """Called once an actor; ``settings`` is the resolved config.

        ``added`` is what the driver has in its registries (`sweep.cluster.baseline.additions`).

        ``kept`` is where the sweep keeps its dense model. ``dense`` holds the digest of a packed
        one and a reference to it, if it keeps none and workers are on several machines.
        """
        self.settings, self.added, self.root = settings, added, store_at(checkpoints)
        self.kept, self.dense = store_at(kept), dense
        self.bench: Bench | None = None
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Called for each further trial of the actor."""
        self.assignment = new_config
        self.records: Iterator[dict[str, Any]] | None = None
        return True

    def step(self) -> dict[str, Any]:
        """The :class:`~sweep.cluster.conductor.Report` of the next record."""
        self._leave_a_draining_machine()
        return {REPORT: self._report()}

    def _report(self) -> Report:
        try:
            if self.records is None:
                self.records = self._run()
            return Report(next(self.records), worker=f"{socket.gethostname()}:{os.getpid()}")
        except (StorageError, OSError) as error:  # a full disk, say: no trial's own fault
            return Report(error=StorageError(str(error)))
        except UsageError as error:  # nor is a model or a file that is gone since the baseline
            return Report(error=UsageError(str(error)))
        except SweepError as error:
            return Report(error=TrialError(str(error)))
        except Exception as error:  # the sweep goes on without this trial
            logger.warning("%s failed", self.assignment["trial_id"], exc_info=True)
            return Report(error=TrialError(sentence(error, self.settings)))

    def _leave_a_draining_machine(self) -> None:
        """End this actor if its machine was told to go: between two epochs, nothing is lost by it.

        The driver then tries the trial again elsewhere, and the machine need not wait any longer.
        """
        if ray.get_runtime_context().get_node_id() in draining():
            ray.actor.exit_actor()

    def _run(self) -> Iterator[dict[str, Any]]:
        if "wanted" in self.assignment:
            return retrained(self._bench(), self.root, self.assignment)
        return (r.to_dict() for r in records(self._bench(), self.root, self.assignment))

    def _bench(self) -> Bench:
        if self.bench is None:
            config = received(self.settings, self.added)
            self.bench = make_bench(config, threads=max(1, int(config.resources.cpu)))
            sent = [Shipped(digest, partial(ray.get, packed)) for digest, packed in self.dense]
            with contextlib.suppress(ray.exceptions.RayError):  # then this machine makes it
                self.bench.adopt(find_packed(self.kept) or next(iter(sent), None))
        return self.bench


def sentence(error: Exception, settings: Mapping[str, Any]) -> str:
    """What the ledger says of an error that nobody foresaw; ``settings`` is the resolved config."""
    if type(error).__name__ != "OutOfMemoryError":
        return f"{type(error).__name__}: {error}"
    return (
        f"out of GPU memory with resources.gpu={settings['resources']['gpu']:g}: a larger share or "
        "a smaller recover.batch_size is needed"
    )


def records(bench: Bench, root: Store, assignment: Assignment) -> Iterator[Record]:
    """Records after the last one that the ledger has, from the newest whole checkpoint.

    Every epoch is a checkpoint under ``root`` before it is a record. One of a later epoch than the
    next (of a ledger that lost its tail) is passed over: the records in between would be missing.
    """
    saved = Saved(root, assignment, ("trial_id", "params", "seed"))
    trial = bench.trial(Params.of(assignment["params"]), assignment["seed"])
    reported = -1 if assignment["after"] is None else assignment["after"]
    note = saved.load(trial, most=reported + 1)
    if note is not None and trial.epoch > reported:
        yield Record.of(note["record"])
    for record in trial.run():
        if record.epoch > 0:  # the masks of epoch 0 are drawn again from the seed
            saved.save(trial, record=record.to_dict())
        if record.epoch > reported:
            yield record


def retrained(bench: Bench, root: Store, assignment: Assignment) -> Iterator[dict[str, Any]]:
    """A record on test, with what validation says, after each of the epochs ``wanted``.

    Trained is up to the last of them, whatever ``finetune_epochs`` says, but under the schedule of
    those ``finetune_epochs``: the horizon of the trial is the horizon here. Every epoch leaves a
    checkpoint under ``root``, which the next one replaces, and the newest that misses no wanted
    epoch is gone on from. Evaluated is at wanted epochs alone. Raises
    :class:`~sweep.errors.TrialError` where it diverges.
    """
    saved = Saved(root, assignment, ("params", "seed"))
    trial = bench.trial(Params.of(assignment["params"]), assignment["seed"], "test")
    wanted = sorted(assignment["wanted"])
    if saved.load(trial, most=wanted[0]) is None:
        trial.prune()
    for epoch in wanted:
        seconds = 0.0
        while trial.epoch < epoch:
            seconds += trial.finetune()
            saved.save(trial)
            # Without older ones a retraining that lost its records only begins anew: it comes out
            # the same.
            checkpoint.drop_older(root, assignment["trial_id"], trial.epoch)
        yield _on_test(trial, seconds)


def _on_test(trial: Loop, train_seconds: float) -> dict[str, Any]:
    record = trial.record("recovered" if trial.epoch else "pruned", train_seconds)
    figures = trial.score("validation").figures([trial.metric.name])
    names = (trial.metric.name, trial.metric.se, "correct", "examples")
    validation = {f"validation_{name}": figures[name] for name in names if name in figures}
    return {**record.to_dict(), **validation}


@dataclass(frozen=True)
class Saved:
    """The checkpoints under ``root`` of what is assigned, told from others' by some of its keys."""

    root: Store
    assignment: Assignment
    keys: Sequence[str]

    @property
    def _identity(self) -> dict[str, Any]:
        return {key: self.assignment[key] for key in self.keys}

    def load(self, trial: Loop, most: int) -> dict[str, Any] | None:
        """Put the trial where its newest checkpoint up to epoch ``most`` is; returns the note.

        None where there is none, or one of something else.
        """
        found = checkpoint.latest(self.root, self.assignment["trial_id"], most=most)
        if found is None:
            return None
        state, note = found
        if any(note.get(key) != value for key, value in self._identity.items()):
            return None
        trial.load_state_dict(state)
        return note

    def save(self, trial: Loop, **note: Any) -> None:
        """Save the trial as it is, with more to note."""
        folder = checkpoint.epoch_folder(self.root, self.assignment["trial_id"], trial.epoch)
        checkpoint.save(folder, trial.state_dict(), {**self._identity, **note})
