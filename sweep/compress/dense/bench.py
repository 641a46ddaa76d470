"""The bench of a task with a model: the one place that puts together what a trial needs."""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sweep.compress.dense.calibration import Calibration
from sweep.compress.dense.figures import SEEN, UNTRAINED, Figures, of_steps, off_grid, regrow
from sweep.compress.dense.make import ON_GRID, DenseModels
from sweep.compress.dense.ship import Shipped, digest_of, pack, unpack
from sweep.compress.dense.teacher import logits_of_teacher
from sweep.compress.dense.working import Dense
from sweep.compress.models import has_head
from sweep.compress.prune import Targets, prunable_weights
from sweep.compress.prune.targets import check_groups, check_space, fitted, read_masks
from sweep.compress.quantize import OnGrid
from sweep.compress.quantize.scheme import grid_of
from sweep.compress.tasks import Task, load_task
from sweep.compress.train import Distillation, Recipe
from sweep.compress.trial import Trial
from sweep.config import SweepConfig
from sweep.config.plan import distilled, may_distill
from sweep.errors import UsageError
from sweep.ledger.files import cache_root, fingerprint
from sweep.space.params import Params


class Workbench:
    """What a worker keeps between trials: the task, the dense models and their figures.

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
        return load_task(self.config.task, self.config.model, self.config.tokenizer)

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

    # The dense models.

    @cached_property
    def models(self) -> DenseModels:
        """The dense models, in floats and on the grids that the config and its trials name."""
        config = self.config
        own = config.baseline.model_dump(mode="json", exclude={"quantization"})
        usual = config.recover.model_dump(mode="json", exclude={"distill"})
        return DenseModels(
            config.model,
            self.task,
            config.task.model_dump(mode="json", exclude={"dataset", "metrics"}),
            Recipe(**usual | own),
            self.device,
            keep_masks=config.pruning.start_masks == "keep",
        )

    @property
    def folder(self) -> Path:
        """Where the dense models' weights (if we trained them) and figures are cached."""
        return self.models.folder

    @property
    def dense(self) -> Dense:
        """The dense model in floats, whatever the config says of grids."""
        return self.models.get()

    def grid(self, name: str | None) -> OnGrid | None:
        """What a trial's ``quantization`` means; None: what the config says."""
        return grid_of(self.config.baseline, name)

    @property
    def _grids(self) -> list[OnGrid | None]:
        """That of the baseline, and those that a trial can start from."""
        values = self.config.space["quantization"].grid()
        return list(dict.fromkeys(self.grid(name) for name in (None, *values)))

    # What is known of them.

    def calibration(self, grid: OnGrid | None) -> Calibration:
        """What methods know of the dense model on a grid beside its weights."""
        if grid not in self._calibrations:
            samples = self.config.pruning.calibration_samples
            key = self.models.grid_key(grid)
            which = [asdict(self.targets), samples, *([key] if key else [])]
            folder = cache_root() / "statistics" / f"{self.folder.name}-{fingerprint(which)}"
            dense, seed = self.models.get(grid), self.config.task.seed
            made = Calibration(dense, self.task, self.targets, samples, seed, folder)
            self._calibrations[grid] = made
        return self._calibrations[grid]

    def baseline(self, split: str = "validation") -> dict[str, Any]:
        """The dense model's figures on a split (what the ``baseline`` event holds).

        With ``baseline.quantization`` they are of the model on its grid, and have the accuracies of
        each step to there (``dense_accuracy``, ``ptq_accuracy``, ``qat_accuracy`` if finetuned) and
        the sizes of the model in floats (``dense_size_bytes``, ``dense_nonzero_params``).
        """
        grid = self.grid(None)
        found = self._measures.of(split, grid)
        if grid is None:
            return found
        steps = {"dense": None, "ptq": grid.untrained} | ({"qat": grid} if grid.epochs else {})
        figures = {name: self._measures.of(split, step) for name, step in steps.items()}
        return found | of_steps(figures)

    @property
    def _measures(self) -> Figures:
        recover = self.config.recover
        return Figures(
            self.models,
            self.targets,
            self.config.pruning.model_dump(mode="json", exclude={"calibration_samples"}),
            self.config.task.metrics,
            recover.eval_batch_size,
            recover.bf16,
        )

    @property
    def warnings(self) -> list[str]:
        """What a reader of the figures must know."""
        config, found = self.config, []
        if config.baseline.epochs == 0:
            found += [SEEN] * self.task.carved
            found += [UNTRAINED] * (not has_head(self.dense.model.config))
        if config.pruning.start_masks == "drop":
            found += regrow(config.model)
        if config.baseline.quantization is None:
            found += off_grid(config.model)
        return found

    # The dense models on other machines.

    @property
    def trained(self) -> list[str]:
        """The names, in :attr:`folder`, of the dense models that this sweep finetunes."""
        models, grids = self.models, dict.fromkeys([None, *self._grids])
        return [models.entry(grid) for grid in grids if models.recipe_of(grid).epochs]

    def pack(self) -> bytes:
        """The dense models that were finetuned here, and their figures, for other machines."""
        for grid in self._grids:
            self.models.get(grid)  # now, once, and not by each worker for itself
        on_grids = {folder.name for folder in self.folder.glob(f"{ON_GRID}*")}
        return pack(self.folder, leave=on_grids - set(self.trained))

    def adopt(self, shipped: Shipped | None) -> None:
        """Take the dense models and their figures from where they were made; None: nowhere.

        Before the first use. Where the cache has other models of the same settings (finetuned by
        another machine, say), they stay as they are. What was packed under a config that finetunes
        nothing, where this one does, or the other way round, is not taken. Raises
        :class:`~sweep.errors.StorageError` where a sweep's own cannot be read.
        """
        if shipped is None or bool(shipped.digest) != bool(self.trained):
            return
        needed = self.trained[-1] if self.trained else self._measures.file("validation").name
        if not any((self.folder / name).exists() for name in self.trained):
            unpack(self.folder, shipped.read, needed)
        if self.trained and digest_of(self.folder, self.trained) != shipped.digest:
            self.models.folder = self.folder.with_name(f"{self.folder.name}-{shipped.digest}")
            unpack(self.folder, shipped.read, needed)

    # Trials.

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
        """What the teacher says of train (`sweep.compress.dense.teacher.logits_of_teacher`)."""
        recover, words = self.config.recover, self.config.tokenizer or self.config.model
        teacher = recover.distill.teacher if recover.distill else None
        return logits_of_teacher(self.models, teacher, words, recover.eval_batch_size, recover.bf16)

    def distillation(self, params: Params) -> Distillation | None:
        """How a trial of ``params`` is distilled; None where it is not."""
        weight, temperature = distilled(self.config.recover, params)
        if weight == 0 or params.finetune_epochs == 0:
            return None
        return Distillation(self.teacher_logits, weight, temperature)

    def trial(self, params: Params, seed: int, split: str = "validation") -> Trial:
        """A trial of ``params``, in the working copy of the dense model.

        Raises :class:`~sweep.errors.UsageError` for a ramp that cannot be, and for a method that
        has no use for a module.
        """
        grid = self.grid(params.quantization)
        return Trial(
            params,
            self.models.get(grid),
            self.task,
            self.recipe(params, seed),
            targets=self.targets,
            start=self.start_masks,
            statistics=self.calibration(grid).statistics(params.method),
            distillation=partial(self.distillation, params),
            split=split,
            baseline_accuracy=self.baseline(split)["accuracy"],
            metrics=self.config.task.metrics,
        )

    def recipe(self, params: Params, seed: int) -> Recipe:
        """How a trial is finetuned."""
        settings = self.config.recover.model_dump(mode="json", exclude={"distill"})
        epochs, rate = params.finetune_epochs, params.learning_rate
        return Recipe(learning_rate=rate, epochs=epochs, seed=seed, **settings)
