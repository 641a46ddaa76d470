"""The teacher of distillation: the dense model, or another; its logits over train, made once."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sweep.compress.models import check_labels, check_positions, has_head, load_classifier
from sweep.compress.tasks.encode import same_words
from sweep.compress.train import all_logits
from sweep.errors import UsageError
from sweep.ledger.cache import fingerprint, once, tree_digest
from sweep.ledger.files import write_bytes

if TYPE_CHECKING:
    from sweep.compress.dense.bench import Workbench


def teacher_logits(bench: Workbench) -> Tensor:
    """Logits (train examples, labels), float32, in the order of train, on the bench's device.

    Dropout is off. They lie beside the dense model, so that one worker of a machine makes them
    for all trials, and the driver packs them up with it for other machines. Raises
    :class:`~sweep.errors.UsageError` for a teacher that does not fit.
    """
    file = bench.folder / f"teacher-{_key(bench)}.npy"

    def store() -> None:
        array = io.BytesIO()
        np.save(array, _answers(_teacher(bench), bench))
        file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(file, array.getvalue())

    return torch.from_numpy(np.load(once(file, store))).to(bench.device)


def _name(bench: Workbench) -> str | None:
    settings = bench.config.recover.distill
    return None if settings is None else settings.teacher


def _key(bench: Workbench) -> str:
    """What the logits depend on, beside the dense model and the data."""
    name = _name(bench)
    if name is not None and Path(name).is_dir():
        name = tree_digest(name)
    return fingerprint([name, bench.config.recover.bf16, bench.device.type])


def _teacher(bench: Workbench) -> nn.Module:
    name, config, task = _name(bench), bench.config, bench.task
    if name is None:
        return bench.dense.another()  # the working copy may be in the hands of a trial
    model = load_classifier(name, task, setting="recover.distill.teacher")
    check_positions(model, name, config.task.max_length)
    if not has_head(model.config):
        raise UsageError(f"recover.distill.teacher {name!r} has no trained classifier head")
    check_labels(model, f"recover.distill.teacher {name!r}", task.label_names)
    words = config.tokenizer or config.model
    if words is not None and not same_words(name, words):
        raise UsageError(
            f"recover.distill.teacher {name!r} has another tokenizer than {words!r}: it would read "
            "other words; allowed: a model of the same tokenizer"
        )
    return model.to(bench.device)


def _answers(model: nn.Module, bench: Workbench) -> NDArray[np.float32]:
    recover, task = bench.config.recover, bench.task
    found = all_logits(
        model,
        task.train,
        batch_size=recover.eval_batch_size,
        bf16=recover.bf16,
        pad_id=task.pad_id,
    )
    if not np.isfinite(found).all():
        raise UsageError(f"the teacher's logits are not finite: {_name(bench) or 'dense model'}")
    return found
