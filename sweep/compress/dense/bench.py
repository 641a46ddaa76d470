"""The dense model: made and measured once, kept warm beside the trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sweep.compress.dense.calibration import Calibration
from sweep.compress.dense.figures import caveats, figures, figures_file
from sweep.compress.dense.grids import Grids
from sweep.compress.dense.make import (
    baseline_recipe,
    finetune,
    finetuned_model,
    key,
    starting_model,
)
from sweep.compress.dense.ship import Parcel, digest_of, fetch, kept, pack, unpack
from sweep.compress.dense.teacher import teacher_logits
from sweep.compress.dense.working import Dense
from sweep.compress.prune import Targets, prunable_weights
from sweep.compress.prune.fit import check_groups, check_space, fitted
from sweep.compress.quantize import OnGrid
from sweep.compress.start_masks import read_masks
from sweep.compress.tasks import Task, load_task
from sweep.compress.train import Distillation, Recipe
from sweep.compress.trial import Trial
from sweep.config import SweepConfig
from sweep.config.checks import distilled, may_distill
from sweep.errors import UsageError
from sweep.ledger.cache import cache_root, fingerprint, once
from sweep.ledger.store import Place
from sweep.space.params import Params


class Workbench:
    """What a worker keeps between trials: the task, the dense model and its figures.

    Everything is made at first use, from the caches where they hold it, so that the first worker
    to ask pays and the others open what it left.
    """

    def __init__(self, config: SweepConfig, device: str | None = None) -> None:
        self.config = config
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._calibrations: dict[OnGrid | None, Calibration] = {}

    @cached_property
    def task(self) -> Task:
        """The tokenised task."""
        return load_task(self.config)

    @cached_property
    def targets(self) -> Targets:
        """Which weights may be pruned."""
        chosen = self.config.pruning
        return Targets(tuple(chosen.include), tuple(chosen.exclude), chosen.embeddings)

    @cached_property
    def start_masks(self) -> dict[str, Tensor]:
        """The masks that every trial keeps, by module name; none unless the config says so.

        Raises :class:`~sweep.errors.UsageError` where they are not there, or not of this model.
        """
        if self.config.pruning.start_masks == "drop":
            return {}
        return fitted(read_masks(self.config.model), self.dense.reset())

    @cached_property
    def folder(self) -> Path:
        """Where this dense model's weights (if we trained them) and figures are cached."""
        return cache_root() / "dense" / key(self.config, self.task)

    @cached_property
    def dense(self) -> Dense:
        """The dense model: loaded, or finetuned if ``baseline.epochs > 0`` and nobody has yet.

        In floats, whatever the config says of grids: :attr:`grids` has those.
        """
        if self.config.baseline.epochs == 0:
            return Dense.of(starting_model(self.config, self.task), self.device)
        folder = once(self.folder / "model", self._finetune)
        return Dense.of(finetuned_model(folder, self.config, self.task), self.device)

    @cached_property
    def grids(self) -> Grids:
        """The dense model on the grids that the config and its trials name."""
        return Grids(self)

    def calibration(self, grid: OnGrid | None) -> Calibration:
        """What methods know of the dense model on a grid beside its weights."""
        if grid not in self._calibrations:
            which = [asdict(self.targets), self.config.pruning.calibration_samples]
            which += [self.grids.key(grid)] if grid else []
            folder = cache_root() / "statistics" / f"{self.folder.name}-{fingerprint(which)}"
            self._calibrations[grid] = Calibration(self, grid, folder)
        return self._calibrations[grid]

    def baseline(self, split: str = "validation") -> dict[str, Any]:
        """The dense model's figures on a split (see DESIGN: the ``baseline`` event).

        With ``baseline.quantization`` they are of the model on its grid, and have the accuracies of
        each step to there (``dense_accuracy``, ``ptq_accuracy``, ``qat_accuracy`` if finetuned) and
        the sizes of the model in floats (``dense_size_bytes``, ``dense_nonzero_params``).
        """
        return figures(self, split)

    def pack(self) -> Parcel:
        """The dense models that were finetuned here, and their figures, for other machines."""
        self.grids.make()  # now, once, and not by each worker for itself
        others = self.grids.of_others()
        return {name: files for name, files in pack(self.folder).items() if name not in others}

    def unpack(self, fetch: Callable[[], Parcel]) -> None:
        """Take the dense model and its figures from where they were made, if they are not here."""
        needed = self.trained[-1] if self.trained else figures_file(self, "validation").name
        unpack(self.folder, fetch, needed)

    @property
    def trained(self) -> list[str]:
        """The names, in :attr:`folder`, of the dense models that this sweep finetunes."""
        return ["model"] * bool(self.config.baseline.epochs) + self.grids.trained

    def adopt(self, place: Place) -> None:
        """Take for the dense models those that a sweep keeps at ``place``, if it keeps any.

        Before the first use. Where the cache has others of the same settings (finetuned by
        another machine, say), they stay as they are. Raises :class:`~sweep.errors.StorageError`
        where the sweep's cannot be read.
        """
        wanted = kept(place) if self.trained else None
        if wanted is None:
            return
        if not any((self.folder / name).exists() for name in self.trained):
            unpack(self.folder, partial(fetch, place, wanted), self.trained[-1])
        if digest_of(self.folder, self.trained) != wanted:
            self.folder = self.folder.with_name(f"{self.folder.name}-{wanted}")
            unpack(self.folder, partial(fetch, place, wanted), self.trained[-1])

    @property
    def warnings(self) -> list[str]:
        """What a reader of the figures must know."""
        return caveats(self)

    def check(self) -> None:
        """Fail early, with a sentence, on what would make every trial fail.

        Raises :class:`~sweep.errors.UsageError` for a model, a head, data, targets, methods or
        granularities that do not fit.
        """
        if len(self.task.split("validation")) == 0 or len(self.task.train) == 0:
            raise UsageError("an empty split: train and validation need at least one example each")
        weights = prunable_weights(self.dense.model, self.targets)
        check_space(self.config.space, self.start_masks, weights)
        check_groups(self.config.space["granularity"].grid(), weights, self.start_masks)
        self.calibration(None).check(self.config.space["method"].grid())
        if may_distill(self.config):
            _ = self.teacher_logits  # made before trials ask for them, and packed

    @cached_property
    def teacher_logits(self) -> Tensor:
        """What the teacher says of train: see
        :func:`sweep.compress.dense.teacher.teacher_logits`.
        """
        return teacher_logits(self)

    def distillation(self, params: Params) -> Distillation | None:
        """How a trial of ``params`` is distilled; None where it is not."""
        weight, temperature = distilled(self.config.recover, params)
        if weight == 0 or params.finetune_epochs == 0:
            return None
        return Distillation(self.teacher_logits, weight, temperature)

    def trial(self, params: Params, seed: int, split: str = "validation") -> Trial:
        """A trial of ``params``, in the working copy of the dense model."""
        return Trial.on(self, params, seed, split)

    def recipe(self, learning_rate: float, epochs: int, seed: int) -> Recipe:
        """The finetuning recipe of a trial."""
        settings = self.config.recover.model_dump(mode="json", exclude={"distill"})
        return Recipe(learning_rate=learning_rate, epochs=epochs, seed=seed, **settings)

    def _finetune(self) -> None:
        model = starting_model(self.config, self.task).to(self.device)
        finetune(self, model, baseline_recipe(self.config), self.folder / "model")
