"""The actor that runs trials, or retrains them, one after another; data and weights stay warm."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import ray
from ray import tune

from sweep.cluster.machines import draining
from sweep.compress.dense.ship import keep
from sweep.compress.dense.ship import kept as is_kept
from sweep.config import SweepConfig
from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger.store import Place, place

if TYPE_CHECKING:
    from sweep.compress.dense.ship import Parcel
    from sweep.compress.open import Bench, Runs
    from sweep.ledger.record import Record


# A worker's part of `sweep confirm`: a trial's params again, under a fresh seed, read on test.


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


class Worker(tune.Trainable):  # type: ignore[misc]
    """A step is one record: of a trial, or (`sweep confirm`) of a retraining.

    What goes wrong in it is a result too, never an exception.
    """

    def setup(
        self,
        config: dict[str, Any],
        settings: dict[str, Any],
        checkpoints: str,
        kept: str,
        dense: Sequence[Any] = (),
    ) -> None:
        """Called once an actor; ``settings`` is the resolved config.

        ``kept`` is where the sweep keeps its dense model. ``dense`` holds a reference to a packed
        one, if it keeps none and workers are on several machines.
        """
        self.settings, self.root = settings, place(checkpoints)
        self.kept, self.dense = place(kept), dense
        self.bench: Bench | None = None
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Called for each further trial of the actor."""
        self.assignment = new_config
        self.records: Iterator[dict[str, Any]] | None = None
        return True

    def step(self) -> dict[str, Any]:
        """The next record of the trial, or why there is none."""
        self._leave_a_draining_machine()
        try:
            if self.records is None:
                self.records = self._run()
            record = next(self.records)
            return {"record": json.dumps(record), "worker": _worker_name()}
        except (StorageError, OSError) as error:  # a full disk, say: no trial's own fault
            return {"storage_error": str(error)}
        except UsageError as error:  # nor is a model or a file that is gone since the baseline
            return {"usage_error": str(error)}
        except SweepError as error:
            return {"error": str(error)}
        except Exception as error:  # the sweep goes on without this trial
            return {"error": self._sentence(error)}

    def _leave_a_draining_machine(self) -> None:
        """End this actor if its machine was told to go: between two epochs, nothing is lost by it.

        The driver then tries the trial again elsewhere, and the machine need not wait any longer.
        """
        if ray.get_runtime_context().get_node_id() in draining():
            ray.actor.exit_actor()

    def _sentence(self, error: Exception) -> str:
        if type(error).__name__ != "OutOfMemoryError":
            return f"{type(error).__name__}: {error}"
        return (
            f"out of GPU memory with resources.gpu={self.settings['resources']['gpu']:g}: a larger "
            "share or a smaller recover.batch_size is needed"
        )

    def _run(self) -> Iterator[dict[str, Any]]:
        if "wanted" in self.assignment:
            return retrained(self._bench(), self.root, self.assignment)
        return (r.to_dict() for r in records(self._bench(), self.root, self.assignment))

    def _bench(self) -> Bench:
        if self.bench is None:
            config = SweepConfig.model_validate(self.settings)
            self.bench = make_bench(config, threads=max(1, int(config.resources.cpu)))
            self.bench.adopt(self.kept)
            for reference in self.dense:
                with contextlib.suppress(ray.exceptions.RayError):  # then this machine makes it
                    self.bench.unpack(partial(ray.get, reference))
        return self.bench


def records(bench: Bench, root: Place, assignment: dict[str, Any]) -> Iterator[Record]:
    """Records after the last one that the ledger has, from the newest whole checkpoint.

    Every epoch is a checkpoint under ``root`` before it is a record. One of a later epoch than the
    next (of a ledger that lost its tail) is passed over: the records in between would be missing.
    """
    from sweep.ledger import checkpoint
    from sweep.ledger.record import Record
    from sweep.space.params import Params

    trial_id, after = assignment["trial_id"], assignment["after"]
    identity = {key: assignment[key] for key in ("trial_id", "params", "seed")}
    trial = bench.trial(Params.of(assignment["params"]), assignment["seed"])
    reported = -1 if after is None else after
    found = checkpoint.latest(root, trial_id, most=reported + 1)
    if found is not None and all(found[1][key] == identity[key] for key in identity):
        trial.load_state_dict(found[0])
        if trial.epoch > reported:
            yield Record(**found[1]["record"])
    for record in trial.run():
        if record.epoch > 0:  # the masks of epoch 0 are drawn again from the seed
            folder = checkpoint.epoch_folder(root, trial_id, record.epoch)
            note = {**identity, "record": record.to_dict()}
            checkpoint.save(folder, trial.state_dict(), note)
        if record.epoch > reported:
            yield record


def make_bench(config: SweepConfig, threads: int) -> Bench:
    """The bench of a worker process, with as many threads as it has CPUs to itself."""
    from sweep.compress.open import open_bench

    gpu = config.resources.gpu
    return open_bench(config, None if gpu else "cpu", threads, gpu)


def prepare(
    settings: dict[str, Any], split: str, kept: str, begins: bool
) -> tuple[dict[str, Any], Parcel]:
    """Tokenise, load or finetune the dense model, evaluate it: once a split, in a worker process.

    No trial runs meanwhile: on CPUs it has all threads of its machine. ``kept`` is where the sweep
    keeps its dense model; one that ``begins`` has it kept, where that is not done.

    Returns the figures of the ``baseline`` event, or ``{"error": kind, "message": text}``; and the
    dense model, packed.
    """
    config = SweepConfig.model_validate(settings)
    cpus = config.resources.cpu if config.resources.gpu else own_cpus()
    try:
        bench = make_bench(config, max(1, int(max(cpus, config.resources.cpu))))
        bench.adopt(place(kept))
        bench.check()
        figures = bench.baseline(split)
        told = {"warnings": bench.warnings, "model": config.model or "fresh"}
        parcel = bench.pack()
        if begins and not is_kept(place(kept)):
            keep(place(kept), parcel)
        return {**figures, **told}, parcel
    except SweepError as error:
        return {"error": type(error).__name__, "message": str(error)}, {}
    except OSError as error:
        return {"error": StorageError.__name__, "message": str(error)}, {}


def own_cpus() -> int:
    """The CPUs of this machine, as far as Ray has them to give away."""
    own = ray.get_runtime_context().get_node_id()
    given = [node["Resources"].get("CPU", 1) for node in ray.nodes() if node["NodeID"] == own]
    return min(int(given[0]) if given else 1, os.cpu_count() or 1)


def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
