"""The actor that runs trials or retrainings one by one, and keeps data and weights in memory."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray import tune

from sweep.cluster.baseline import make_bench, received
from sweep.cluster.conductor import REPORT, Report
from sweep.cluster.machines import draining
from sweep.compress.dense.ship import find_packed
from sweep.errors import StorageError, SweepError, TrialError, UsageError
from sweep.ledger import checkpoint
from sweep.ledger.store import Store, store_at
from sweep.space.params import Params

if TYPE_CHECKING:
    from sweep.compress.loop import Trial
    from sweep.compress.open import Bench

logger = logging.getLogger(__name__)

Assignment = Mapping[str, Any]
"""See :meth:`sweep.search.jobs.Job.assignment`."""


class Worker(tune.Trainable):  # type: ignore[misc]
    """A trainable of Tune; each step gives one record of a trial or (`sweep confirm`) a retraining.

    An error in a step is a result too, never an exception.
    """

    def setup(
        self,
        config: dict[str, Any],
        settings: dict[str, Any],
        added: bytes,
        checkpoints: str,
        kept: str,
    ) -> None:
        """Called once in each actor; ``settings`` is the resolved config.

        ``added`` has the driver's additions to the registries (`sweep.cluster.baseline.additions`).
        ``kept`` is the place of the sweep's stored dense model.
        """
        self.settings, self.added, self.root = settings, added, store_at(checkpoints)
        self.kept = store_at(kept)
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
        except (StorageError, OSError) as error:  # a full disk, for example: not the trial's fault
            return Report(error=StorageError(str(error)))
        except UsageError as error:  # a model or file was deleted since the baseline
            return Report(error=UsageError(str(error)))
        except SweepError as error:
            return Report(error=TrialError(str(error)))
        except Exception as error:  # only this trial fails
            logger.warning("%s failed", self.assignment["trial_id"], exc_info=True)
            return Report(error=TrialError(sentence(error, self.settings)))

    def _leave_a_draining_machine(self) -> None:
        """End this actor if its machine is draining: the driver retries the trial elsewhere."""
        if ray.get_runtime_context().get_node_id() in draining():
            ray.actor.exit_actor()

    def _run(self) -> Iterator[dict[str, Any]]:
        make = retrained if "wanted" in self.assignment else records
        return make(self._bench(), self.root, self.assignment)

    def _bench(self) -> Bench:
        if self.bench is None:
            config = received(self.settings, self.added)
            self.bench = make_bench(config, threads=max(1, int(config.resources.cpu)))
            self.bench.adopt(find_packed(self.kept))
        return self.bench


def sentence(error: Exception, settings: Mapping[str, Any]) -> str:
    """The ledger's message about an unforeseen error; ``settings`` is the resolved config."""
    if type(error).__name__ != "OutOfMemoryError":
        return f"{type(error).__name__}: {error}"
    return (
        f"out of GPU memory with resources.gpu={settings['resources']['gpu']:g}: give a larger "
        "share of a GPU or a smaller recover.batch_size"
    )


def records(bench: Bench, root: Store, assignment: Assignment) -> Iterator[dict[str, Any]]:
    """The records of a trial that the ledger does not have, from its newest complete checkpoint.

    The checkpoint of an epoch is saved under ``root`` before the epoch is reported. If the ledger
    has lost its tail, a checkpoint may be more than one epoch ahead of it. Such a checkpoint is not
    used, because the records in between would be missing.
    """
    saved = Saved(root, assignment)
    trial = bench.trial(Params.of(assignment["params"]), assignment["seed"])
    reported = -1 if assignment["after"] is None else assignment["after"]
    metadata = saved.load(trial, most=reported + 1)
    if metadata is not None and trial.epoch > reported and "record" in metadata:
        yield metadata["record"]
    for record in trial.run():
        if record.epoch > 0:  # epoch 0 is computed again from the seed
            saved.save(trial, record=record.to_dict())
        if record.epoch > reported:
            yield record.to_dict()


def retrained(bench: Bench, root: Store, assignment: Assignment) -> Iterator[dict[str, Any]]:
    """A record on test, with the results on validation, after each of the epochs ``wanted``.

    Training ends after the last wanted epoch, but the schedules have the horizon of the trial, its
    ``finetune_epochs``. Each epoch saves a checkpoint under ``root`` in place of the one before. A
    retraining resumes from the newest checkpoint that skips no wanted epoch. It is evaluated at
    wanted epochs only. Raises :class:`~sweep.errors.TrialError` if the loss diverges.
    """
    saved = Saved(root, assignment)
    trial = bench.trial(Params.of(assignment["params"]), assignment["seed"], "test")
    wanted = sorted(assignment["wanted"])
    if saved.load(trial, most=wanted[0]) is None:
        trial.prune()
    for epoch in wanted:
        seconds = 0.0
        while trial.epoch < epoch:
            seconds += trial.finetune()
            saved.save(trial)
            # If the ledger has lost records, the retraining starts again, with the same results.
            checkpoint.drop_older(root, assignment["trial_id"], trial.epoch)
        yield _on_test(trial, seconds)


def _on_test(trial: Trial, train_seconds: float) -> dict[str, Any]:
    record = trial.record("recovered" if trial.epoch else "pruned", train_seconds)
    figures = trial.score("validation").figures([trial.metric.name])
    names = (trial.metric.name, trial.metric.se, "correct", "examples")
    validation = {f"validation_{name}": figures[name] for name in names if name in figures}
    return {**record.to_dict(), **validation}


@dataclass(frozen=True)
class Saved:
    """The checkpoints of an assignment under ``root``, each with its params and seed."""

    root: Store
    assignment: Assignment

    def load(self, trial: Trial, most: int) -> dict[str, Any] | None:
        """Load the newest checkpoint up to epoch ``most`` into the trial; returns its metadata.

        Returns None if there is no checkpoint, or if it belongs to another assignment.
        """
        found = checkpoint.latest(self.root, self.assignment["trial_id"], most=most)
        if found is None or not self._identity().items() <= found[1].items():
            return None
        checkpoint.restore(trial, found[0], self._folder(found[0]["epoch"]))
        return found[1]

    def save(self, trial: Trial, **metadata: Any) -> None:
        folder = self._folder(trial.epoch)
        checkpoint.save(folder, trial.state_dict(), {**self._identity(), **metadata})

    def _folder(self, epoch: int) -> Store:
        return checkpoint.epoch_folder(self.root, self.assignment["trial_id"], epoch)

    def _identity(self) -> dict[str, Any]:
        return {key: self.assignment[key] for key in ("params", "seed")}
