"""Statistics of the dense model for the methods that look at data: collected once, then cached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from sweep.compress.prune.criteria import CRITERIA
from sweep.compress.prune.fit import check_inputs
from sweep.compress.prune.statistics import COLLECTORS, Statistics, collect
from sweep.compress.prune.targets import prunable_modules
from sweep.compress.tasks.split import stratified
from sweep.compress.train import logits_of, to_device
from sweep.ledger.cache import once
from sweep.ledger.files import new_folder

if TYPE_CHECKING:
    from sweep.compress.dense.bench import Workbench
    from sweep.compress.quantize import OnGrid

_STREAM, _FILE = 2, "statistics.safetensors"


class Calibration:
    """What methods know of a bench's dense model, on a ``grid`` or in floats, beside its weights.

    It is run on ``pruning.calibration_samples`` train examples, stratified, drawn from the task's
    seed, so that all trials share them. A kind is collected when a trial first needs it, and kept
    in ``folder``, where the machine's other workers find it. It does not travel to other machines,
    since a factor is as large as a matrix: each machine makes its own.
    """

    def __init__(self, bench: Workbench, grid: OnGrid | None, folder: Path) -> None:
        self.bench, self.grid, self.folder = bench, grid, folder
        self._found: dict[str, Statistics] = {}

    def check(self, methods: Iterable[object]) -> None:
        """Raises :class:`~sweep.errors.UsageError` where a method has no use for a module."""
        modules = prunable_modules(self.bench.dense.model, self.bench.targets)
        for method in map(str, methods):
            check_inputs(method, CRITERIA[method].needs, modules)

    def statistics(self, method: str) -> Statistics:
        """What a method needs of the dense model, by module name, on the model's device.

        Where it is collected now, the bench's model is reset. Raises
        :class:`~sweep.errors.UsageError` where a module does not have it.
        """
        kind = CRITERIA[method].needs
        if kind not in COLLECTORS:  # none, or one that comes from the trial itself
            return {}
        if kind not in self._found:
            self.check([method])
            folder = once(self.folder / kind, lambda: self._collect(kind))
            self._found[kind] = load_file(folder / _FILE, device=str(self.bench.device))
        return self._found[kind]

    def _collect(self, kind: str) -> None:
        model = self.bench.grids.dense(self.grid).reset()
        modules = prunable_modules(model, self.bench.targets)
        found = collect(kind, modules, self._losses())
        with new_folder(self.folder / kind) as scratch:
            save_file({name: part.cpu() for name, part in found.items()}, scratch / _FILE)

    def _losses(self) -> Iterator[Tensor]:
        """The loss of one example after the other: alone, so that nothing is padded."""
        task, model, config = self.bench.task, self.bench.dense.model, self.bench.config
        rng = np.random.default_rng([config.task.seed, _STREAM])
        model.eval()
        for index in stratified(task.train.labels, config.pruning.calibration_samples, rng):
            example = task.train.padded(np.array([index]), task.pad_id)
            batch = to_device(example, self.bench.device)
            yield cross_entropy(logits_of(model, batch, bf16=False), batch["labels"])
