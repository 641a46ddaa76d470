"""Opens the bench of a config: the state that a worker keeps between trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep.config import SweepConfig
from sweep.config.fields import is_path
from sweep.config.sections import EMBEDDED
from sweep.errors import UsageError
from sweep.registry import TASKS

if TYPE_CHECKING:
    from sweep.compress.dense.bench import Workbench
    from sweep.compress.tasks import ClosedForm

    Bench = ClosedForm | Workbench
    """The state that is kept between trials: data, the dense model, its figures."""


def open_bench(
    config: SweepConfig,
    device: str | None = None,
    threads: int | None = None,
    gpu: float = 1.0,
) -> Bench:
    """Open the bench of a config's task.

    ``device`` and ``threads`` are those of torch; with None torch decides. ``gpu`` is the share of
    the GPU's memory, in (0, 1], that this process may use. Only a task that needs torch imports it.
    Raises :class:`~sweep.errors.UsageError` if the share is too small.
    """
    from sweep.compress.tasks import Task

    kind = TASKS[config.task.name]
    if not issubclass(kind, Task):  # the task is its own bench, without a model
        bench: Bench = kind(config)
        return bench
    import torch

    from sweep.compress.dense.bench import Workbench

    if 0 < gpu < 1 and torch.cuda.is_available():
        # Ray counts shares, not bytes. With this limit, a trial that needs more memory fails
        # without affecting the others on the GPU.
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(memory_fraction(gpu, total))
    if threads is not None:
        torch.set_num_threads(threads)
    return Workbench(config, device)


def reach(config: SweepConfig) -> dict[str, Any]:
    """Return what is known of a config's model and data without training: `Workbench.reach`.

    The dictionary is empty if the config has no ``model``, or if the model or the data come from
    the hub, so that nothing is downloaded. Raises :class:`~sweep.errors.UsageError` if a model
    folder, data files and patterns do not fit together.
    """
    dataset, is_folder = config.task.dataset, config.task.is_folder
    on_hub = isinstance(dataset, str) and dataset != EMBEDDED and not is_folder
    if config.model is None or on_hub or not is_path(config.model):
        return {}
    from sweep.compress.dense.bench import Workbench

    return Workbench(config, "cpu").reach()


PROCESS_BYTES = 768 * 1024**2
"""GPU memory of a process besides its tensors: the CUDA context and the kernels of libraries."""

LEAST_BYTES = 256 * 1024**2
"""The least memory for tensors with which a trial can run."""


def memory_fraction(share: float, total_bytes: int) -> float:
    """Return the fraction of a GPU's memory, in (0, share), that a process may allocate.

    All processes that share the GPU then fit, including their memory besides tensors. Raises
    :class:`~sweep.errors.UsageError` if the share is too small.

    >>> memory_fraction(0.25, 24 * 1024**3)
    0.21875
    """
    bound = share * total_bytes - PROCESS_BYTES
    if bound < LEAST_BYTES:
        raise UsageError(
            f"resources.gpu={share:g} of a GPU of {total_bytes / 1024**3:.1f} GiB is too small: a "
            f"process takes {PROCESS_BYTES / 1024**3:g} GiB without any tensor; allowed: at least "
            f"{(PROCESS_BYTES + LEAST_BYTES) / total_bytes:.2f}"
        )
    return bound / total_bytes
