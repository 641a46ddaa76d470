"""The teacher of distillation (the dense model or another one): its logits over train, cached."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from sweep.compress.dense.make import DenseModels
from sweep.compress.models import model_key
from sweep.compress.train import all_logits
from sweep.errors import UsageError
from sweep.ledger.files import fingerprint, once, write_whole


def logits_of_teacher(models: DenseModels) -> Tensor:
    """Return the teacher's logits (train examples, labels), float32, on the models' device.

    The teacher is that of ``recover.distill``, or else the dense model. Dropout is off. The logits
    are cached beside the dense model, so that one worker of a machine computes them for all trials,
    and they are packed with it for other machines. Raises :class:`~sweep.errors.UsageError` for a
    teacher that does not fit.
    """
    recover, train = models.config.recover, models.task.train
    teacher = recover.distill.teacher if recover.distill else None
    who = None if teacher is None else model_key(teacher)
    file = models.folder / f"teacher-{fingerprint([who, recover.bf16, models.device.type])}.npy"

    def store() -> None:
        # Loaded again, because a trial may be using the dense model's working copy.
        model = models.in_floats() if teacher is None else _loaded(teacher, models)
        model = model.to(models.device)
        found = all_logits(model, train, batch_size=recover.eval_batch_size, bf16=recover.bf16)
        if not np.isfinite(found).all():
            name = "the dense model" if teacher is None else repr(teacher)
            raise UsageError(f"recover.distill.teacher: the logits of {name} are not finite")
        write_whole(file, lambda part: np.save(part, found))

    return torch.from_numpy(np.load(once(file, store))).to(models.device)


def _loaded(name: str, models: DenseModels) -> nn.Module:
    model = models.task.open(name, setting="recover.distill.teacher")
    if not models.task.is_trained(model):
        raise UsageError(f"recover.distill.teacher {name!r} has no trained head")
    if not models.task.same_inputs(name):
        raise UsageError(
            f"recover.distill.teacher {name!r} has another tokenizer than {models.config.model!r}; "
            "allowed: a model of the same tokenizer"
        )
    return model
