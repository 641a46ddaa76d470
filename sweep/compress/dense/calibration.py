"""Statistics of a dense model for the methods that look at data: collected once, then cached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from sweep.compress.dense.working import Dense
from sweep.compress.prune import Targets
from sweep.compress.prune.criteria import CRITERIA
from sweep.compress.prune.statistics import COLLECTORS, Statistics, collect
from sweep.compress.prune.targets import check_inputs, prunable_modules
from sweep.compress.tasks import Task
from sweep.compress.tasks.split import stratified
from sweep.compress.train import logits_of, to_device
from sweep.ledger.files import new_folder, once

_STREAM, _FILE = 2, "statistics.safetensors"


class Calibration:
    """What methods know of a dense model beside its weights.

    It is run on ``samples`` train examples, stratified, drawn from ``seed``, so that all trials
    share them. A kind is collected when a trial first needs it, and kept in ``folder``, where the
    machine's other workers find it. It does not travel to other machines, since a factor is as
    large as a matrix: each machine makes its own.
    """

    def __init__(
        self, dense: Dense, task: Task, targets: Targets, samples: int, seed: int, folder: Path
    ) -> None:
        self.dense, self.task, self.targets = dense, task, targets
        self.samples, self.seed, self.folder = samples, seed, folder
        self._found: dict[str, Statistics] = {}

    def check(self, methods: Iterable[object]) -> None:
        """Raises :class:`~sweep.errors.UsageError` where a method has no use for a module."""
        modules = prunable_modules(self.dense.model, self.targets)
        for method in map(str, methods):
            check_inputs(method, CRITERIA[method].needs, modules)

    def statistics(self, method: str) -> Statistics:
        """What a method needs of the dense model, by module name, on the model's device.

        Where it is collected now, the model is reset. Raises :class:`~sweep.errors.UsageError`
        where a module does not have it.
        """
        kind = CRITERIA[method].needs
        if kind not in COLLECTORS:  # none, or one that comes from the trial itself
            return {}
        if kind not in self._found:
            self.check([method])
            folder = once(self.folder / kind, lambda: self._collect(kind))
            self._found[kind] = load_file(folder / _FILE, device=str(self.dense.device))
        return self._found[kind]

    def _collect(self, kind: str) -> None:
        modules = prunable_modules(self.dense.reset(), self.targets)
        found = collect(kind, modules, self.losses())
        with new_folder(self.folder / kind) as scratch:
            save_file({name: part.cpu() for name, part in found.items()}, scratch / _FILE)

    def losses(self) -> Iterator[Tensor]:
        """The loss of one example after the other: alone, so that nothing is padded."""
        train, model = self.task.train, self.dense.model
        rng = np.random.default_rng([self.seed, _STREAM])
        model.eval()
        for index in stratified(train.labels, self.samples, rng):
            example = train.padded(np.array([index]), self.task.pad_id)
            batch = to_device(example, self.dense.device)
            yield cross_entropy(logits_of(model, batch, bf16=False), batch["labels"])
