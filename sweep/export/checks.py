"""Check that an exported model has the logits of its checkpoint and the answers of the ledger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sweep.compress.dense.bench import Workbench
from sweep.compress.models import dtype_of
from sweep.compress.train import all_logits
from sweep.errors import StorageError
from sweep.export.point import Point

SPLIT = "validation"

Logits = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Checked:
    """Results of the checks: numbers of validation examples.

    ``correct`` and ``differing`` use the number format of the sweep. ``plain_correct`` is for
    float32, which ``from_pretrained`` loads; it differs from ``correct`` only if the sweep used
    bfloat16. ``differing``: examples answered correctly here and wrongly in the ledger, or the
    other way round. ``onnx_differing``: examples with different answers from ONNX Runtime and from
    the model in float32. ``onnx_largest``: the largest difference of a logit. ``weights_correct``:
    for a model with pruned or rounded activations, correct answers without that. ``dtype``: the
    type of the weights in the files.
    """

    examples: int
    correct: int
    plain_correct: int
    differing: int
    bf16: bool
    onnx_differing: int | None = None
    onnx_largest: float | None = None
    weights_correct: int | None = None
    dtype: str = "float32"


def logits(model: nn.Module, bench: Workbench, bf16: bool = False) -> Logits:
    """The logits of the validation examples, shape (examples, labels), in their order.

    They are computed in float32 unless ``bf16``, whatever the sweep used.
    """
    split, batch_size = bench.task.split(SPLIT), bench.config.recover.eval_batch_size
    return all_logits(model, split, batch_size=batch_size, bf16=bf16)


def is_correct(found: Logits, bench: Workbench) -> Bools:
    """Whether the logits give the correct label, shape (examples,)."""
    correct: Bools = found.argmax(-1) == bench.task.split(SPLIT).labels
    return correct


def check(
    bench: Workbench, ours: Logits, saved: nn.Module, point: Point, may_differ: int
) -> Checked:
    """Compare a trial's :func:`logits`, the model loaded from its files, and the ledger.

    Raises :class:`~sweep.errors.StorageError` if any bit of a logit differs between the two models,
    or if the answers to more than ``may_differ`` examples differ from the ledger.
    """
    found = logits(saved, bench)
    if not np.array_equal(found.view(np.int32), ours.view(np.int32)):
        raise StorageError(
            f"the saved model and the trial's model have different logits for "
            f"{int((found != ours).any(-1).sum())} of {len(found)} examples: nothing was exported"
        )
    correct = plain_correct = is_correct(found, bench)
    bf16 = bench.config.recover.bf16 is True  # "auto" is float32 on a CPU
    if bf16:
        correct = is_correct(logits(saved, bench, bf16), bench)
    differing = _count_differing(correct, point)
    if differing > may_differ:
        where = "a GPU" if bench.config.resources.gpu else "another kind of machine"
        raise StorageError(
            f"the exported model answers {int(correct.sum())} of {point.record['examples']} "
            f"validation examples correctly, the record says {point.record['correct']}, and "
            f"{differing} answers differ: nothing was exported. The model, the data or a library "
            f"may have changed since the sweep. If the trial ran on {where}, rounding may differ: "
            f"use --may-differ {differing}"
        )
    right, plain = int(correct.sum()), int(plain_correct.sum())
    return Checked(len(found), right, plain, differing, bf16, dtype=dtype_of(saved))


def check_onnx(ours: Logits, found: Logits, may_differ: int) -> tuple[int, float]:
    """The number of examples that ONNX Runtime answers differently, and the largest difference of
    a logit.

    ONNX Runtime adds in another order, so the logits differ in their last bits, but the answers
    should not. Raises :class:`~sweep.errors.StorageError` if more than ``may_differ`` answers do.
    """
    differing = int((ours.argmax(-1) != found.argmax(-1)).sum())
    largest = float(np.abs(ours - found).max())
    if differing > may_differ or not np.isfinite(found).all():
        raise StorageError(
            f"ONNX Runtime answers {differing} of {len(ours)} validation examples differently from "
            f"PyTorch (the largest difference of a logit is {largest:.2g}): nothing was exported. "
            f"If the logits of these examples are almost equal, use --may-differ {differing}"
        )
    return differing, largest


def _count_differing(correct: Bools, point: Point) -> int:
    """The number of answers that differ from the record; a lower bound if it has only a count."""
    if point.answers is None or len(point.answers) != len(correct):
        return abs(int(correct.sum()) - int(point.record["correct"]))
    return int((correct != point.answers).sum())
