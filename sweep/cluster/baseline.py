"""The dense baseline of a sweep, made in a worker process: the driver never loads a model."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sweep.cluster.interrupts import Heed
from sweep.compress.dense.ship import digest, find_packed, save_packed
from sweep.config import CLOSED_FORM, SweepConfig
from sweep.errors import ClusterError, StorageError, SweepError, UsageError, first_line
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.store import Store, store_at
from sweep.registry import REGISTRIES

if TYPE_CHECKING:
    from sweep.compress.open import Bench


class Dense:
    """Has the dense model of a sweep prepared on the connected cluster.

    ``place`` is where the sweep keeps it.
    """

    def __init__(self, config: SweepConfig, place: Store, heed: Heed) -> None:
        self.config, self.place, self.heed = config, place.absolute(), heed
        self._packed: Any = None

    def figures(self, split: str = "validation", begins: bool = False) -> dict[str, Any]:
        """The dense model's figures on a split. A sweep that ``begins`` keeps the model.

        Raises :class:`~sweep.errors.UsageError` for what is wrong with model or data, and
        :class:`~sweep.cluster.interrupts.Abort` on a signal.
        """
        import ray

        try:
            figures, self._packed = self._prepare(split, begins)
        except ray.exceptions.RayTaskError:  # a fault of ours: its traceback is what helps
            raise
        except ray.exceptions.RayError as error:
            raise ClusterError(f"the baseline's worker died: {first_line(error)}") from error
        if kind := figures.get("error"):
            raise (StorageError if kind == "StorageError" else UsageError)(figures["message"])
        return figures

    def placed(self) -> list[tuple[str | None, Any]]:
        """The packed model's digest, and a reference to it, for machines that have not made it.

        The object is the driver's own, so that no machine that goes takes it along. Empty for a
        task without a model, and where workers find the model with the sweep. Raises as
        :meth:`figures` does.
        """
        import ray

        if self.config.task.dataset == CLOSED_FORM or find_packed(self.place):
            return []
        if self._packed is None:
            self.figures()
        packed, self._packed = ray.get(self._packed), None
        return [(digest(packed), ray.put(packed))]

    def _prepare(self, split: str, begins: bool) -> tuple[dict[str, Any], Any]:
        """The figures, and a reference to the packed model, which stays where it was made."""
        import ray

        want = self.config.resources
        task = ray.remote(num_cpus=want.cpu, num_gpus=want.gpu, max_retries=2, num_returns=2)
        settings, added = self.config.model_dump(mode="json"), additions()
        figures, packed = task(prepare).remote(settings, added, split, str(self.place), begins)
        while not ray.wait([figures], timeout=0.2)[0]:
            self.heed()
        return ray.get(figures), packed


def prepare(
    settings: dict[str, Any], added: bytes, split: str, where: str, begins: bool
) -> tuple[dict[str, Any], bytes]:
    """Tokenise, load or finetune the dense model, evaluate it: once a split, in a worker process.

    No trial runs meanwhile: on CPUs it has all threads of its machine. ``where`` is where the sweep
    keeps its dense model; one that ``begins`` has it kept, where that is not done.

    Returns the figures of the "baseline" event, or ``{"error": kind, "message": text}``; and the
    dense model, packed.
    """
    try:
        config = received(settings, added)
        cpus = config.resources.cpu if config.resources.gpu else own_cpus()
        bench = make_bench(config, max(1, int(max(cpus, config.resources.cpu))))
        found = find_packed(store_at(where))
        bench.adopt(found)
        bench.check()
        figures = bench.baseline(split)
        told = {"warnings": bench.warnings, "model": config.model or "fresh"}
        if accuracy := figures["metrics"].get("accuracy"):
            told["majority_accuracy"] = accuracy["chance"]
        packed = bench.pack()
        if begins and found is None:
            save_packed(store_at(where), packed)
        return {**figures, **told}, packed
    except SweepError as error:
        return {"error": type(error).__name__, "message": str(error)}, b""
    except OSError as error:
        return {"error": StorageError.__name__, "message": str(error)}, b""


def additions() -> bytes:
    """What this process added to the registries and workers need, pickled; b"" for nothing.

    What a script or a notebook defines is pickled by value. What a module defines is pickled by its
    name, and every machine must have the module. Of a sampler a worker needs the name alone, to
    read the config, and of a listener nothing. Raises :class:`~sweep.errors.UsageError`.
    """
    groups = ("criteria", "structures", "tasks", "metrics")
    found: dict[str, Any] = {group: REGISTRIES[group].added() for group in groups}
    found["samplers"] = dict.fromkeys(REGISTRIES["samplers"].added())
    names = [name for things in found.values() for name in things]
    if not names:
        return b""
    from ray import cloudpickle

    try:
        return bytes(cloudpickle.dumps(found))
    except Exception as error:  # of many kinds: whatever refers to a lock, a file, a connection
        what = f"what this process registered ({', '.join(names)}) cannot be sent to workers"
        raise UsageError(f"{what}: {first_line(error)}") from error


def received(settings: dict[str, Any], added: bytes) -> SweepConfig:
    """The config in a worker, which takes what the driver :func:`additions` first.

    Raises :class:`~sweep.errors.UsageError` where that cannot be loaded here.
    """
    if added:
        try:
            found = pickle.loads(added)
        except Exception as error:  # ModuleNotFoundError and whatever an import raises
            what = "a worker cannot load what the driver registered"
            raise UsageError(f"{what}: {first_line(error)}; workers need its module too") from error
        for group, things in found.items():
            REGISTRIES[group].adopt(things)
    return SweepConfig.model_validate(settings)


def make_bench(config: SweepConfig, threads: int) -> Bench:
    """The bench of a worker process, with as many threads as it has CPUs to itself."""
    from sweep.compress.open import open_bench

    gpu = config.resources.gpu
    return open_bench(config, None if gpu else "cpu", threads, gpu)


def own_cpus() -> int:
    """The CPUs of this machine, as far as Ray has them to give away."""
    import ray

    own = ray.get_runtime_context().get_node_id()
    given = [node["Resources"].get("CPU", 1) for node in ray.nodes() if node["NodeID"] == own]
    return min(int(given[0]) if given else 1, os.cpu_count() or 1)


def reference_point(config: SweepConfig, baseline: Mapping[str, Any]) -> dict[str, float]:
    """The corner of the hypervolume, fixed before a sweep runs.

    That is, for each objective, its worst value that is still worth nothing, as far as one is
    known. For a metric that is its chance level (for accuracy the share of the majority class); for
    sparsity 0; for sizes that of the dense model (in floats, though the baseline be quantised: some
    trials may not be); for epochs one more than the space has, so that a trial which runs to its
    end still counts. A loss and times have no worst value that anyone knows before a
    sweep: taking one from its records would move with them, so those objectives are left out, and
    there is no hypervolume, unless ``search.reference`` (which goes before all others) gives one.
    """
    worst = {
        ("sparsity", "max"): 0.0,
        ("model_sparsity", "max"): 0.0,
        ("nonzero_params", "min"): _of_dense("nonzero_params", baseline),
        ("size_bytes", "min"): _of_dense("size_bytes", baseline),
        ("epoch", "min"): config.max_epochs + 1.0,
    }
    for name, facts in baseline["metrics"].items():
        if facts["chance"] is not None:
            metric, chance = PrimaryMetric(name, facts["direction"]), float(facts["chance"])
            worst[name, metric.direction] = chance
            worst[metric.drop, "min"] = metric.worsening(chance, float(baseline[name]))
    known = {
        name: worst[name, way] for name, way in config.objectives.items() if (name, way) in worst
    }
    return {
        name: value
        for name in config.objectives
        if (value := config.search.reference.get(name, known.get(name))) is not None
    }


def _of_dense(name: str, baseline: Mapping[str, Any]) -> float:
    """A size of the model in floats; the baseline's own where that is in floats itself."""
    return float(baseline.get(f"dense_{name}", baseline[name]))
