"""The saved files answer as the trial's checkpoint does, bit for bit, and as the ledger says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from sweep.compress.train import all_logits
from sweep.errors import StorageError, TrialError
from sweep.export.point import Point

if TYPE_CHECKING:
    from torch import nn

    from sweep.compress.dense.bench import Workbench

SPLIT = "validation"

Logits = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Checked:
    """What was found. ``correct`` and ``differing`` are under the recipe of the sweep.

    ``plain_correct`` is in float32, as ``from_pretrained`` gives the model; it differs from
    ``correct`` only where the sweep computed in bfloat16. ``differing``: examples that are answered
    right here and wrong in the ledger, or the other way round. Of an ONNX file: how many examples
    it answers otherwise than the model in float32, and the largest difference of a logit.
    ``weights_correct``: of a model with pruned or rounded activations, with its weights alone.
    """

    examples: int
    correct: int
    plain_correct: int
    differing: int
    bf16: bool
    onnx_differing: int | None = None
    onnx_largest: float | None = None
    weights_correct: int | None = None


def logits(model: nn.Module, bench: Workbench, bf16: bool = False) -> Logits:
    """The logits of the validation examples (examples, labels), in their order.

    In float32 unless ``bf16``, whatever the sweep computed in.
    """
    found = all_logits(
        model,
        bench.task.split(SPLIT),
        batch_size=bench.config.recover.eval_batch_size,
        bf16=bf16,
        pad_id=bench.task.pad_id,
    )
    if not np.isfinite(found).all():
        raise TrialError("the model's outputs are not finite")
    return found


def right(found: Logits, bench: Workbench) -> Bools:
    """Which examples these logits answer right (examples,)."""
    answered: Bools = found.argmax(-1) == bench.task.split(SPLIT).labels
    return answered


def check(
    bench: Workbench, ours: Logits, saved: nn.Module, point: Point, may_differ: int
) -> Checked:
    """Compare a trial's :func:`logits`, the model read back from its files, and the ledger.

    Raises :class:`~sweep.errors.StorageError` where a logit of the two models differs in a bit,
    or where more than ``may_differ`` examples are answered otherwise than recorded.
    """
    found = logits(saved, bench)
    if not np.array_equal(found.view(np.int32), ours.view(np.int32)):
        raise StorageError(
            f"{int((found != ours).any(-1).sum())} of {len(found)} examples have other logits in "
            "the saved model than in the trial's: nothing was exported"
        )
    answered = plainly = right(found, bench)
    bf16 = bench.config.recover.bf16 is True  # "auto" is float32 on a CPU
    if bf16:
        answered = right(logits(saved, bench, bf16), bench)
    differing = _differing(answered, point)
    if differing > may_differ:
        raise StorageError(_told(differing, int(answered.sum()), point, bench))
    return Checked(len(found), int(answered.sum()), int(plainly.sum()), differing, bf16)


def check_onnx(ours: Logits, found: Logits, may_differ: int) -> tuple[int, float]:
    """Examples that ONNX Runtime answers otherwise, and the largest difference of a logit.

    Its sums are of another order, so that bits differ; no answer may. Raises
    :class:`~sweep.errors.StorageError` where more than ``may_differ`` do.
    """
    differing = int((ours.argmax(-1) != found.argmax(-1)).sum())
    largest = float(np.abs(ours - found).max())
    if differing > may_differ or not np.isfinite(found).all():
        raise StorageError(
            f"ONNX Runtime answers {differing} of {len(ours)} validation examples otherwise than "
            f"PyTorch (the largest difference of a logit is {largest:.2g}): nothing was exported. "
            f"Where they are near to even: --may-differ {differing}"
        )
    return differing, largest


def _differing(answered: Bools, point: Point) -> int:
    """Examples that are answered otherwise than recorded; at least so many without the details."""
    if point.answers is None or len(point.answers) != len(answered):
        return abs(int(answered.sum()) - int(point.record["correct"]))
    return int((answered != point.answers).sum())


def _told(differing: int, correct: int, point: Point, bench: Workbench) -> str:
    where = "a GPU" if bench.config.resources.gpu else "another kind of machine"
    return (
        f"the exported model answers {correct} of {point.record['examples']} validation examples "
        f"right, the record says {point.record['correct']}, and {differing} are answered "
        "otherwise: nothing was exported. Has the model, the data or the library changed since? "
        f"Where the trial ran on {where}, whose rounding differs: --may-differ {differing}"
    )


@contextmanager
def threads_of_a_worker(cpu: float) -> Iterator[None]:
    """As many threads as a worker had: sums of another order can round otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, int(cpu)))
    try:
        yield
    finally:
        torch.set_num_threads(before)
