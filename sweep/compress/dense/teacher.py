"""The teacher of distillation: the dense model, or another; its logits over train, made once."""

from __future__ import annotations

import io

import numpy as np
import torch
from torch import Tensor, nn

from sweep.compress.dense.make import DenseModels
from sweep.compress.models import (
    check_labels,
    check_positions,
    has_head,
    load_classifier,
    model_key,
)
from sweep.compress.tasks.encode import same_words
from sweep.compress.train import all_logits
from sweep.errors import UsageError
from sweep.ledger.files import fingerprint, once, write_bytes


def logits_of_teacher(
    models: DenseModels,
    teacher: str | None,
    words: str | None,
    batch_size: int,
    bf16: str | bool,
) -> Tensor:
    """Logits (train examples, labels), float32, in the order of train, on the models' device.

    ``teacher`` is a hub id or a folder, or (None) the dense model; ``words`` is whose tokenizer its
    pupils read by, None where the task has none. Dropout is off. The logits lie beside the dense
    model, so that one worker of a machine makes them for all trials, and they are packed with it
    for other machines. Raises :class:`~sweep.errors.UsageError` for a teacher that does not fit.
    """
    task = models.task
    who = None if teacher is None else model_key(teacher)
    file = models.folder / f"teacher-{fingerprint([who, bf16, models.device.type])}.npy"

    def store() -> None:
        # Not the dense model's working copy: that may be in the hands of a trial.
        model = models.get().another() if teacher is None else _loaded(teacher, words, models)
        found = all_logits(model, task.train, batch_size=batch_size, bf16=bf16, pad_id=task.pad_id)
        if not np.isfinite(found).all():
            raise UsageError(f"the teacher's logits are not finite: {teacher or 'dense model'}")
        array = io.BytesIO()
        np.save(array, found)
        write_bytes(file, array.getvalue())

    return torch.from_numpy(np.load(once(file, store))).to(models.device)


def _loaded(name: str, words: str | None, models: DenseModels) -> nn.Module:
    model = load_classifier(name, models.task, setting="recover.distill.teacher")
    check_positions(model, name, models.max_length)
    if not has_head(model.config):
        raise UsageError(f"recover.distill.teacher {name!r} has no trained classifier head")
    check_labels(model, f"recover.distill.teacher {name!r}", models.task.label_names)
    if words is not None and not same_words(name, words):
        raise UsageError(
            f"recover.distill.teacher {name!r} has another tokenizer than {words!r}: it would read "
            "other words; allowed: a model of the same tokenizer"
        )
    return model.to(models.device)
