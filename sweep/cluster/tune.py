"""What a driver asks of Ray: the dense model and its figures from one task, trials through Tune."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sweep.cluster.interrupts import Stopped, stop_if_asked
from sweep.compress.dense.ship import kept as is_kept
from sweep.config import CLOSED_FORM, SweepConfig
from sweep.errors import ClusterError, StorageError, UsageError
from sweep.ledger.store import Place, absolute

if TYPE_CHECKING:
    from sweep.cluster.hooks import Conducts

MOST = 10_000
"""What Tune is told of how many trials wait or run at a time: the true bound may change."""


class Dense:
    """The dense baseline of a sweep, made in a worker process: the driver never loads a model.

    ``place`` is where the sweep keeps it.
    """

    def __init__(self, config: SweepConfig, place: Place, stopped: Stopped) -> None:
        self.config, self.place, self.stopped = config, absolute(place), stopped
        self._parcel: Any = None

    def figures(self, split: str = "validation", begins: bool = False) -> dict[str, Any]:
        """The dense model's figures on a split. A sweep that ``begins`` keeps the model.

        Raises :class:`~sweep.errors.UsageError` for what is wrong with model or data, and
        :class:`~sweep.cluster.abort.Abort` on a signal.
        """
        import ray

        try:
            figures, self._parcel = self._prepare(split, begins)
        except ray.exceptions.RayTaskError:  # a fault of ours: its traceback is what helps
            raise
        except ray.exceptions.RayError as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ClusterError(f"the baseline's worker died: {first}") from error
        if kind := figures.get("error"):
            raise (StorageError if kind == "StorageError" else UsageError)(figures["message"])
        return figures

    def placed(self) -> list[Any]:
        """A reference to the packed model, for workers on machines that have not made it.

        The object is the driver's own, so that no machine that goes takes it along. Empty for a
        task without a model, and where workers find the model with the sweep. Raises as
        :meth:`figures` does.
        """
        import ray

        if self.config.task.dataset == CLOSED_FORM or is_kept(self.place):
            return []
        if self._parcel is None:
            self.figures()
        parcel, self._parcel = ray.get(self._parcel), None
        return [ray.put(parcel)]

    def _prepare(self, split: str, begins: bool) -> tuple[dict[str, Any], Any]:
        """The figures, and a reference to the packed model, which stays where it was made."""
        import ray

        from sweep.cluster.worker import prepare

        want = self.config.resources
        task = ray.remote(num_cpus=want.cpu, num_gpus=want.gpu, max_retries=2, num_returns=2)
        settings = self.config.model_dump(mode="json")
        figures, parcel = task(prepare).remote(settings, split, str(self.place), begins)
        while not ray.wait([figures], timeout=0.2)[0]:
            stop_if_asked(self.stopped)
        return ray.get(figures), parcel


def run_through_tune(
    config: SweepConfig,
    checkpoints: Place,
    kept: Place,
    conductor: Conducts,
    limit: Callable[[], int],
    tick: Callable[[], None],
    dense: Sequence[Any] = (),
) -> None:
    """Let Ray Tune run what the conductor hands out, until it has no more.

    ``checkpoints`` is the root folder that workers keep them in, ``kept`` that of the dense model;
    ``limit()`` is how many trials may be out at this moment; ``tick`` is called several times a
    second; ``dense`` is what :meth:`Dense.placed` gave. Raises
    :class:`~sweep.errors.ClusterError` where Tune ends before its time.
    """
    from ray import tune

    from sweep.cluster.hooks import Decide, HandOut, Watch
    from sweep.cluster.machines import is_going
    from sweep.cluster.worker import Worker

    trainable = tune.with_parameters(
        Worker,
        settings=config.model_dump(mode="json"),
        checkpoints=str(absolute(checkpoints)),
        kept=str(absolute(kept)),
        dense=list(dense),
    )
    want = {"cpu": config.resources.cpu, "gpu": config.resources.gpu}
    with tempfile.TemporaryDirectory(prefix="prunesweep-", ignore_cleanup_errors=True) as scratch:
        tuner = tune.Tuner(
            tune.with_resources(trainable, want),
            tune_config=tune.TuneConfig(
                search_alg=HandOut(conductor, limit),
                scheduler=Decide(conductor, is_going),
                num_samples=-1,
                max_concurrent_trials=MOST,
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
