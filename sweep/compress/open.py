"""The bench of a config: what a worker keeps between trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep.config import SweepConfig
from sweep.errors import UsageError
from sweep.registry import TASKS

if TYPE_CHECKING:
    from sweep.compress.dense.bench import Workbench
    from sweep.compress.tasks import ClosedForm

    Bench = ClosedForm | Workbench
    """What stays warm between trials: data, the dense model, its figures."""


def open_bench(
    config: SweepConfig,
    device: str | None = None,
    threads: int | None = None,
    gpu: float = 1.0,
) -> Bench:
    """The bench of a config's task; ``device`` and ``threads`` (None: torch's choice) are torch's.

    ``gpu`` is the share of its GPU's memory that this process keeps to. Only a task that needs
    torch imports it. Raises :class:`~sweep.errors.UsageError` for a share that is too small.
    """
    from sweep.compress.tasks import Task

    kind = TASKS[config.task.name]
    if not issubclass(kind, Task):  # a bench of its own, which has no model
        bench: Bench = kind(config)
        return bench
    import torch

    from sweep.compress.dense.bench import Workbench

    hold_to_share(gpu)
    if threads is not None:
        torch.set_num_threads(threads)
    return Workbench(config, device)


PROCESS_BYTES = 768 * 1024**2
"""What a process takes of a GPU beside its tensors: CUDA's context, the libraries' kernels."""

LEAST_BYTES = 256 * 1024**2
"""What a trial must have for its tensors, or nothing will run."""


def memory_fraction(share: float, total_bytes: int) -> float:
    """The part of a GPU's memory that a process with this share of it may allocate, in (0, share).

    So many processes as there are shares then fit beside each other, with what each takes beside
    its tensors. Raises :class:`~sweep.errors.UsageError` where a share is too small for that.

    >>> memory_fraction(0.25, 24 * 1024**3)
    0.21875
    """
    bound = share * total_bytes - PROCESS_BYTES
    if bound < LEAST_BYTES:
        raise UsageError(
            f"resources.gpu={share:g} of a GPU of {total_bytes / 1024**3:.1f} GiB is too small a "
            f"share: a process takes {PROCESS_BYTES / 1024**3:g} GiB before it has any tensor; at "
            f"least {(PROCESS_BYTES + LEAST_BYTES) / total_bytes:.2f} is needed"
        )
    return bound / total_bytes


def hold_to_share(share: float) -> None:
    """Bound this process's tensors on its GPU to its share, if that is less than a whole one.

    Ray counts shares, not bytes. A trial that needs more fails alone, and takes nothing from its
    neighbours.
    """
    import torch

    if 0 < share < 1 and torch.cuda.is_available():
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(memory_fraction(share, total))
