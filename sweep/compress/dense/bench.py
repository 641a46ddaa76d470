"""The workbench of a task with a model: it assembles everything that a trial needs."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from sweep.compress.behaviour import check_behaviour
from sweep.compress.dense.calibration import Calibration
from sweep.compress.dense.figures import (
    chance_warnings,
    figures_file,
    figures_of,
    logits_of_teacher,
    warnings_of,
)
from sweep.compress.dense.make import Dense, DenseModels, Grid
from sweep.compress.dense.ship import Shipped, digest_of, pack, unpack
from sweep.compress.model_files import other_head
from sweep.compress.models import quiet
from sweep.compress.prune.coverage import narrow, reach
from sweep.compress.prune.targets import check_space, fitted, prunable_weights, read_masks
from sweep.compress.tasks import Task
from sweep.compress.train import Distillation, Recipe
from sweep.compress.trial import ModelTrial
from sweep.config import SweepConfig
from sweep.config.plan import distilled, may_distill
from sweep.config.sections import QuantizationConfig
from sweep.errors import UsageError
from sweep.registry import STRUCTURES, TASKS
from sweep.space.domains import samples
from sweep.space.params import Params

SMALL = 500
"""Examples of a validation split on which `sweep check` evaluates a model."""


class Workbench:
    """The state that a worker keeps between trials: the task, the dense models and their figures.

    Everything is made at first use and cached on disk, so that only the first worker of a machine
    spends the time and the others load the result.
    """

    def __init__(self, config: SweepConfig, device: str | None = None) -> None:
        quiet()
        self.config = config
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))

    @cached_property
    def task(self) -> Task:
        """The tokenised task."""
        config, kind = self.config, TASKS[self.config.task.name]
        more = {"new_head": True} if config.baseline.new_head else {}
        found: Task = kind(config.task, config.model, config.tokenizer, **more)
        return found

    @cached_property
    def start_masks(self) -> dict[str, Tensor]:
        """The masks that every trial keeps, by module name; empty with ``start_masks: drop``.

        Raises :class:`~sweep.errors.UsageError` if the model has no masks or they do not fit it.
        """
        if self.config.pruning.start_masks == "drop":
            return {}
        return fitted(read_masks(self.config.model), self.dense.reset())

    # The dense models.

    @cached_property
    def models(self) -> DenseModels:
        """The dense models: in floats, and on the grids that the config and its trials name."""
        return DenseModels(self.config, self.task, self.device)

    @property
    def dense(self) -> Dense:
        """The dense model in floats, also if the config sets a grid."""
        return self.models.get()

    def grid(self, name: str | None) -> Grid:
        """Return the grid of a trial whose parameter ``quantization`` is ``name``; None is no grid.

        With ``name`` None, ``baseline.quantization`` decides. The name ``none`` means no grid. A
        scheme that the config does not describe gets the default widths, and the epochs of the one
        it does.
        """
        chosen = self.config.baseline.quantization
        if name is None or (chosen and chosen.scheme == name):
            return chosen
        if name == "none":
            return None
        usual = {"scheme": name, "width": None, "frac_width": None}
        return (chosen or QuantizationConfig()).model_copy(update=usual)

    @property
    def _grids(self) -> list[Grid]:
        """The grid of the baseline, and the grids that a trial can start from."""
        values = self.config.space["quantization"].grid()
        return list(dict.fromkeys(self.grid(name) for name in (None, *values)))

    # Statistics and figures of the dense models.

    @cached_property
    def calibration(self) -> Calibration:
        """The statistics of the dense models that data-driven methods read."""
        return Calibration(self.models)

    def baseline(self, split: str = "validation") -> dict[str, Any]:
        """Return the dense model's figures on a split, as the ``baseline`` event holds them.

        With ``baseline.quantization`` they describe the model on its grid. They then also have the
        primary metric of each step (``dense_<metric>``, ``ptq_<metric>``, and ``qat_<metric>`` if
        it is finetuned) and the size in floats (``dense_size_bytes``, ``dense_nonzero_params``).
        """
        grid = self.grid(None)
        found = figures_of(self.models, split, grid)
        if grid is None:
            return found
        steps = {"dense": None, "ptq": grid.model_copy(update={"epochs": 0})}
        steps |= {"qat": grid} if grid.epochs else {}
        figures = {name: figures_of(self.models, split, step) for name, step in steps.items()}
        metric, dense = self.config.task.primary, figures["dense"]
        sizes = {f"dense_{name}": dense[name] for name in ("size_bytes", "nonzero_params")}
        return {**found, **sizes, **{f"{step}_{metric}": f[metric] for step, f in figures.items()}}

    @property
    def warnings(self) -> list[str]:
        """Warnings that a reader of the figures needs, one sentence each."""
        return [*self._narrow(self.dense.model), *warnings_of(self.models)]

    def reach(self) -> dict[str, Any]:
        """Return ``coverage``, ``left_out``, facts of the data and warnings, without any training.

        A model that needs none is evaluated if validation is small. Raises
        :class:`~sweep.errors.UsageError` if the model, data and patterns do not fit.
        """
        model = self.models.start()
        self._check_model(model)
        warnings = self._narrow(model) + self.task.warnings
        known = figures_file(self.models, "validation", self.grid(None)).exists()
        if known or (not self.trained and len(self.task.split("validation")) <= SMALL):
            warnings += chance_warnings(self.baseline(), self.config.task.primary)
        found = reach(model, self.config.pruning)
        return {**found, **self._data("validation"), "warnings": warnings}

    def _check_model(self, model: nn.Module) -> None:
        """Refuse a model without a head that is needed, or that cannot be pruned or finetuned."""
        config, epochs = getattr(model, "config", None), self.config.baseline.epochs
        if config is not None and epochs == 0 and (other := other_head(config)):
            raise UsageError(
                f"model {self.config.model!r} is a {other}, which was finished for another task. "
                "It has no trained classifier head, and baseline.epochs is 0: set baseline.epochs "
                "to 1 or more to train a new head, or name a classifier"
            )
        check_behaviour(model, self.task, self.config.recover.dropout)

    def _narrow(self, model: nn.Module) -> list[str]:
        shares = samples(self.config.space["activation_sparsity"], ())
        return narrow(model, self.config.pruning, max(shares) > 0, any(self._grids))

    def about(self, split: str) -> dict[str, Any]:
        """Return ``warnings`` for a reader of figures on a split, and facts of its data."""
        more = chance_warnings(self.baseline(split), self.config.task.primary, split)
        more += [] if split == "validation" else self.task.warnings_on(split)
        return {"warnings": self.warnings + more, **self._data(split)}

    def _data(self, split: str) -> dict[str, Any]:
        """Return ``shared_rows`` of a split, and ``texts``: counts of its and train's texts."""
        found = {name: self.task.texts(name) for name in ("train", split)}
        texts = {name: counts for name, counts in found.items() if counts}
        return {"shared_rows": self.task.shared_rows(split), "texts": texts}

    # The dense models on other machines.

    @property
    def trained(self) -> list[str]:
        """The names of the dense models in the cache folder that this sweep finetunes."""
        models, grids = self.models, dict.fromkeys([None, *self._grids])
        return [models.entry(grid) for grid in grids if models.recipe_of(grid).epochs]

    def pack(self) -> bytes:
        """Pack the dense models that were finetuned here, for other machines."""
        for grid in self._grids:
            self.models.get(grid)  # made once here, so that workers need not make them
        return pack(self.models.folder, self.trained)

    def adopt(self, shipped: Shipped | None) -> None:
        """Use the dense models that another machine packed; with None do nothing.

        Call it before the first use. The models may come from another person, so the cache keeps
        them, and all that is measured with them, under their own digest: a sweep of the same
        settings never gets them. If the cache has the same models already, it uses these.

        Raises :class:`~sweep.errors.StorageError` if the packed models cannot be read, or are not
        those that this config finetunes.
        """
        folder = self.models.folder
        if shipped and self.trained and digest_of(folder, self.trained) != shipped.digest:
            self.models.folder = folder.with_name(f"{folder.name}-{shipped.digest}")
            unpack(self.models.folder, shipped, self.trained)

    # Trials.

    def check(self) -> None:
        """Check everything that would make every trial fail.

        Raises :class:`~sweep.errors.UsageError` for a model, head, data, targets, methods or
        granularities that do not fit together.
        """
        if len(self.task.split("validation")) == 0 or len(self.task.train) == 0:
            raise UsageError(
                "task has an empty split: train and validation need at least one example each"
            )
        model = self.dense.reset()
        self._check_model(model)
        weights = prunable_weights(model, self.config.pruning)
        check_space(self.config.space, self.start_masks, weights)
        for granularity in self.config.space["granularity"].grid():
            STRUCTURES[str(granularity)].check(weights, self.start_masks)
        self.calibration.check(self.config.space["method"].grid())
        if may_distill(self.config):
            _ = self.teacher_logits

    @cached_property
    def teacher_logits(self) -> Tensor:
        return logits_of_teacher(self.models)

    def distillation(self, params: Params) -> Distillation | None:
        """Return how a trial of ``params`` is distilled, or None if it is not."""
        weight, temperature = distilled(self.config.recover, params)
        if weight == 0 or params.finetune_epochs == 0:
            return None
        return Distillation(self.teacher_logits, weight, temperature)

    def trial(self, params: Params, seed: int, split: str = "validation") -> ModelTrial:
        """Make a trial of ``params`` that uses the working copy of the dense model.

        Raises :class:`~sweep.errors.UsageError` for an impossible ramp, or a method that cannot
        score one of the modules.
        """
        grid = self.grid(params.quantization)
        return ModelTrial(
            params,
            self.models.get(grid),
            self.task,
            self.recipe(params, seed),
            pruning=self.config.pruning,
            start=self.start_masks,
            statistics=self.calibration.statistics(params.method, grid),
            distillation=partial(self.distillation, params),
            split=split,
            baseline=self.baseline(split)[self.config.task.primary],
            metrics=self.config.task.all_metrics,
        )

    def recipe(self, params: Params, seed: int) -> Recipe:
        """Return the settings that a trial is finetuned with."""
        settings = self.config.recover.model_dump()
        epochs, rate = params.finetune_epochs, params.learning_rate
        return Recipe(learning_rate=rate, epochs=epochs, seed=seed, **settings)
