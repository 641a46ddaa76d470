"""What a worker needs of a task, and the one place that chooses who provides it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from sweep.compress.dense.parcel import Parcel
from sweep.compress.score import Score
from sweep.config import CLOSED_FORM, SweepConfig
from sweep.ledger.record import Record
from sweep.ledger.store import Place
from sweep.space.params import Params


class Runs(Protocol):
    """A trial: a generator of records, which can go on from what it was
    (`sweep.ledger.checkpoint`).

    ``run`` is made of the four that follow it; ``epoch`` is -1 before ``prune``.
    """

    epoch: int

    def run(self) -> Iterator[Record]: ...

    def prune(self) -> None: ...

    def finetune(self) -> float: ...

    def record(self, stage: str, train_seconds: float = 0.0) -> Record: ...

    def score(self, split: str) -> Score: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class Bench(Protocol):
    """What stays warm between trials: data, the dense model, its figures."""

    @property
    def warnings(self) -> list[str]: ...

    def check(self) -> None: ...

    def baseline(self, split: str = "validation") -> dict[str, Any]: ...

    def pack(self) -> Parcel: ...

    def unpack(self, fetch: Callable[[], Parcel]) -> None: ...

    def adopt(self, place: Place) -> None: ...

    def trial(self, params: Params, seed: int, split: str = "validation") -> Runs: ...


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
    if config.task.dataset == CLOSED_FORM:
        from sweep.compress.tasks.closed_form import ClosedForm

        return ClosedForm(config)
    import torch

    from sweep.compress.dense.bench import Workbench
    from sweep.compress.gpu import hold_to_share

    hold_to_share(gpu)
    if threads is not None:
        torch.set_num_threads(threads)
    return Workbench(config, device)
