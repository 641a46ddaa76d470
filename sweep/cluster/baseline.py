"""The dense baseline of a sweep, made in a worker process: the driver never loads a model."""

from __future__ import annotations

import logging
import os
import pickle
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sweep.cluster.interrupts import CheckSignals
from sweep.compress.dense.ship import find_packed, save_packed
from sweep.config import SweepConfig
from sweep.config.plan import quantization_epochs
from sweep.config.sections import CLOSED_FORM
from sweep.errors import ClusterError, StorageError, SweepError, UsageError, first_line
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.store import Store, store_at
from sweep.registry import REGISTRIES

if TYPE_CHECKING:
    from sweep.compress.open import Bench

logger = logging.getLogger(__name__)


class Dense:
    """Prepares the dense model of a sweep on the connected cluster.

    ``place`` is the folder or address at which the sweep stores it.
    """

    def __init__(self, config: SweepConfig, place: Store, check_signals: CheckSignals) -> None:
        self.config, self.place, self.check_signals = config, place.absolute(), check_signals

    def figures(self, split: str = "validation") -> dict[str, Any]:
        """The results of the dense model on a split, which are logged; the model is stored.

        Raises :class:`~sweep.errors.UsageError` for an unusable model or unusable data, and
        :class:`~sweep.cluster.interrupts.Abort` on a signal.
        """
        import ray

        logger.info("preparing data and dense baseline")
        started, metric, want = time.time(), self.config.task.primary, self.config.resources
        task = ray.remote(num_cpus=want.cpu, num_gpus=want.gpu, max_retries=2)
        settings, place = self.config.model_dump(mode="json"), str(self.place)
        try:
            answer = task(prepare).remote(settings, additions(), split, place)
            while not ray.wait([answer], timeout=0.2)[0]:
                self.check_signals()
            figures: dict[str, Any] = ray.get(answer)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, StorageError | OSError):
                raise StorageError(str(error.cause)) from None
            if isinstance(error.cause, SweepError):
                raise UsageError(str(error.cause)) from None
            raise  # a bug in prunesweep: its traceback is needed
        except ray.exceptions.RayError as error:
            raise ClusterError(f"the baseline's worker died: {first_line(error)}") from error
        told = f"{metric} {figures[metric]:.4f} on {figures['examples']} {split} examples"
        logger.info("dense baseline: %s (%.0f s)", told, time.time() - started)
        for warning in figures["warnings"]:
            logger.warning("warning: %s", warning)
        return figures

    def store(self) -> None:
        """Store the models that are finetuned, unless they are stored: an older version, or another
        person, may have begun the sweep. Raises as :meth:`figures` does.
        """
        trains = self.config.baseline.epochs or quantization_epochs(self.config)
        if self.config.task.dataset != CLOSED_FORM and trains and not find_packed(self.place):
            self.figures()


def prepare(settings: dict[str, Any], added: bytes, split: str, where: str) -> dict[str, Any]:
    """Tokenise the data, load or finetune the dense model, and evaluate it on a split.

    It runs once for each split in a worker process. No trial runs meanwhile, so on CPUs it uses all
    threads of its machine. ``where`` is the place at which the sweep stores its dense model, unless
    it is there already. Returns the results for the "baseline" event.
    """
    config = received(settings, added)
    cpus = config.resources.cpu if config.resources.gpu else own_cpus()
    bench = make_bench(config, max(1, int(max(cpus, config.resources.cpu))))
    found = find_packed(store_at(where))
    bench.adopt(found)
    bench.check()
    figures = bench.baseline(split)
    more = {**bench.about(split), "model": config.model or "fresh"}
    if accuracy := figures["metrics"].get("accuracy"):
        more["majority_accuracy"] = accuracy["chance"]
    if found is None:
        save_packed(store_at(where), bench.pack())
    return {**figures, **more}


def additions() -> bytes:
    """The entries that this process added to the registries, pickled for workers; b"" if none.

    Objects of a script or a notebook are pickled by value. Objects of a module are pickled by name,
    and every machine must have the module. Workers need only the names of samplers, to read the
    config, and no listeners. Raises :class:`~sweep.errors.UsageError` if an entry has no pickle.
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
    except Exception as error:  # of many kinds: an entry may refer to a lock, a file, a connection
        what = f"entries registered in this process ({', '.join(names)}) cannot be sent to workers"
        raise UsageError(f"{what}: {first_line(error)}") from error


def received(settings: dict[str, Any], added: bytes) -> SweepConfig:
    """The config in a worker, read after the driver's :func:`additions` are in the registries.

    Raises :class:`~sweep.errors.UsageError` if they cannot be loaded here.
    """
    if added:
        try:
            found = pickle.loads(added)
        except Exception as error:  # ModuleNotFoundError, or any error in an import
            what = "a worker cannot load the entries that the driver registered"
            raise UsageError(f"{what}: {first_line(error)}; workers need the module too") from error
        for group, things in found.items():
            REGISTRIES[group].adopt(things)
    return SweepConfig.model_validate(settings)


def make_bench(config: SweepConfig, threads: int) -> Bench:
    """The bench of a worker process, with this number of threads."""
    from sweep.compress.open import open_bench

    gpu = config.resources.gpu
    return open_bench(config, None if gpu else "cpu", threads, gpu)


def own_cpus() -> int:
    """The number of this machine's CPUs that Ray can assign."""
    import ray

    own = ray.get_runtime_context().get_node_id()
    given = [node["Resources"].get("CPU", 1) for node in ray.nodes() if node["NodeID"] == own]
    return min(int(given[0]) if given else 1, os.cpu_count() or 1)


def reference_point(config: SweepConfig, baseline: Mapping[str, Any]) -> dict[str, float]:
    """The reference point of the hypervolume: values at which a trial is worth nothing.

    They are known before a sweep runs: the chance level of a metric (for accuracy the share of the
    majority class); sparsity 0; the sizes of the dense model in floats, even if the baseline is
    quantised, because some trials may not be; and one epoch more than the maximum of the space, so
    that a trial with all epochs counts. Of a loss or a time no such value is known, and a value
    from records would change with them. So those objectives are omitted, and then there is no
    hypervolume, unless ``search.reference``, which overrides all others, gives a value.
    """
    worst = {
        ("sparsity", "max"): 0.0,
        ("model_sparsity", "max"): 0.0,
        ("epoch", "min"): config.max_epochs + 1.0,
    }
    for name in ("nonzero_params", "size_bytes"):
        worst[name, "min"] = float(baseline.get(f"dense_{name}", baseline[name]))
    for name, facts in baseline["metrics"].items():
        if facts["chance"] is not None:
            metric, chance = PrimaryMetric(name, facts["direction"]), float(facts["chance"])
            worst[name, metric.direction] = chance
            worst[metric.drop, "min"] = metric.worsening(chance, float(baseline[name]))
    given = config.search.reference
    found = {way[0]: given.get(way[0], worst.get(way)) for way in config.objectives.items()}
    return {name: value for name, value in found.items() if value is not None}
