"""What a driver asks of Ray: figures of the dense model from one task, then trials through Tune."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sweep.config import SweepConfig
from sweep.driver.signals import Stopped, stop_if_asked
from sweep.errors import ClusterError, StorageError, UsageError
from sweep.storage.place import Place, absolute

if TYPE_CHECKING:
    from sweep.search.hooks import Conducts


def dense_figures(
    config: SweepConfig, stopped: Stopped, split: str = "validation"
) -> dict[str, Any]:
    """The dense baseline's figures, made in a worker process: the driver never holds a model.

    Raises :class:`~sweep.errors.UsageError` for what is wrong with model or data, and
    :class:`~sweep.driver.abort.Abort` on a signal.
    """
    import ray

    from sweep.driver.worker import prepare

    want = config.resources
    cpus = max(want.cpu, ray.cluster_resources().get("CPU", 1) if not want.gpu else want.cpu)
    threads = min(int(cpus), os.cpu_count() or 1) or 1
    task = ray.remote(num_cpus=want.cpu, num_gpus=want.gpu, max_retries=2)(prepare)
    future = task.remote(config.model_dump(mode="json"), threads, split)
    while not ray.wait([future], timeout=0.2)[0]:
        stop_if_asked(stopped)
    try:
        figures: dict[str, Any] = ray.get(future)
    except ray.exceptions.RayTaskError:  # a fault of ours: its traceback is what helps
        raise
    except ray.exceptions.RayError as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ClusterError(f"the baseline's worker died: {first}") from error
    if kind := figures.get("error"):
        raise (StorageError if kind == "StorageError" else UsageError)(figures["message"])
    return figures


def run_through_tune(
    config: SweepConfig,
    checkpoints: Place,
    conductor: Conducts,
    workers: int,
    tick: Callable[[], None],
) -> None:
    """Let Ray Tune run what the conductor hands out, until it has no more.

    ``checkpoints`` is the root folder that workers keep them in; ``tick`` is called several times
    a second. Raises :class:`~sweep.errors.ClusterError` where Tune ends before its time.
    """
    from ray import tune

    from sweep.driver.worker import Worker
    from sweep.search.hooks import Decide, HandOut, Watch

    trainable = tune.with_parameters(
        Worker,
        settings=config.model_dump(mode="json"),
        checkpoints=str(absolute(checkpoints)),
    )
    want = {"cpu": config.resources.cpu, "gpu": config.resources.gpu}
    with tempfile.TemporaryDirectory(prefix="prunesweep-", ignore_cleanup_errors=True) as scratch:
        tuner = tune.Tuner(
            tune.with_resources(trainable, want),
            tune_config=tune.TuneConfig(
                search_alg=HandOut(conductor),
                scheduler=Decide(conductor),
                num_samples=-1,
                max_concurrent_trials=workers,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=scratch,
                verbose=0,
                # A save that fails at the end would cost the warm actor; checkpoints are ours.
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                callbacks=[Watch(conductor, tick)],
            ),
        )
        tuner.fit()
    if not conductor.finished:
        raise ClusterError("Ray Tune ended before all was done")
