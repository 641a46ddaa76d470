"""The dense models that trials start from: loaded or finetuned once, in floats and on grids."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import torch
from torch import Tensor, nn

from sweep.compress.behaviour import check_behaviour
from sweep.compress.conv1d import as_linears
from sweep.compress.dense.ship import NOTE, train_seconds
from sweep.compress.dropout import set_dropout
from sweep.compress.models import check_saved, model_key, save_model
from sweep.compress.prune.masks import pairs
from sweep.compress.prune.targets import fitted, read_masks
from sweep.compress.quantize.layers import set_scheme
from sweep.compress.quantize.scheme import Scheme
from sweep.compress.tasks import Task
from sweep.compress.train import Recipe, finetune_epoch, make_optimizer
from sweep.config import SweepConfig
from sweep.config.sections import QuantizationConfig
from sweep.ledger.files import cache_root, fingerprint, new_folder, once

FLOATS, ON_GRID = "model", "qat-"
"""Folder name of the finetuned model in floats; prefix of the folders of models on a grid."""

OF_KEY = {"dataset", "metrics", "metric", "kind", "options"}
"""Settings of a task that do not change its dense model, or that the task's own key covers."""


@dataclass
class Dense:
    """A dense model that trials start from.

    ``model`` is the worker's only working copy; several dense models may share it. :meth:`reset`
    copies the pristine ``weights`` back into it, which is much faster than loading a model. With a
    ``scheme`` the model computes on a grid (`sweep.compress.quantize.layers`). ``undo`` holds
    functions that take a trial's hooks and dropout from the working copy.
    """

    model: nn.Module
    weights: dict[str, Tensor]
    scheme: Scheme | None = None
    undo: list[Callable[[], None]] = field(default_factory=list)

    @classmethod
    def of(cls, model: nn.Module) -> Dense:
        """Make a dense model of the current state of ``model``."""
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        return cls(model, weights)

    def reset(self) -> nn.Module:
        """Return the model with its dense weights, dropout and grid, without hooks or gradients."""
        while self.undo:
            self.undo.pop()()
        set_scheme(self.model, self.scheme)
        self.model.zero_grad(set_to_none=True)
        self.model.load_state_dict(self.weights)
        return self.model


Grid = QuantizationConfig | None
"""The grid of a dense model, and how the model is finetuned on it; None: in floats."""


class DenseModels:
    """The dense models of a sweep by grid (None: in floats), each made at first use.

    They start from the config's ``model``: a hub id, a folder, or None for what the task draws. The
    section ``baseline`` says how the model in floats is finetuned; a model on a grid has its own
    epochs and learning rate. The recipe's seed draws the weights that no checkpoint has. With
    ``start_masks: keep`` the masks saved beside the model stay in force. All models share one
    working copy. A finetuned model is cached in ``folder`` under its :meth:`entry`.
    """

    def __init__(self, config: SweepConfig, task: Task, device: torch.device) -> None:
        self.config, self.task, self.device = config, task, device
        own = config.baseline.model_dump(exclude={"quantization", "new_head"})
        self.recipe = Recipe(**config.recover.model_dump(exclude={"distill"}) | own)
        self.keep_masks = config.pruning.start_masks == "keep"
        self.folder = cache_root() / "dense" / self._key()
        self._made: dict[Grid, Dense] = {}

    def _key(self) -> str:
        """Return a key of all that determines the float model's weights and its figures."""
        model = None if self.config.model is None else model_key(self.config.model)
        settings = self.config.task.model_dump(mode="json", exclude=OF_KEY)
        fresh = {"seed": self.recipe.seed}  # of weights that no training follows
        trained = self.recipe.model_dump(exclude={"distill"}) if self.recipe.epochs else fresh
        more = [settings["max_length"], *(["keep"] if self.keep_masks else [])]
        more += ["new head"] if self.config.baseline.new_head else []
        return fingerprint([model, [self.task.key, settings], trained, *more])

    def get(self, grid: Grid = None) -> Dense:
        """Return the dense model on a grid, finetuned if the settings ask for it.

        Raises :class:`~sweep.errors.UsageError` if the model does not fit the task.
        """
        if grid not in self._made:
            self._made[grid] = Dense.of(self.in_floats()) if grid is None else self._on_grid(grid)
        return self._made[grid]

    def in_floats(self) -> nn.Module:
        """Load the dense model in floats, finetuned if the settings ask for it."""
        if self.recipe.epochs == 0:
            return self.start()
        folder = once(self.folder / FLOATS, lambda: self._finetune(self.start(), None))
        return self.task.open(str(folder)).to(self.device)

    def _on_grid(self, grid: QuantizationConfig) -> Dense:
        made = replace(self.get(), scheme=Scheme(grid.scheme, *grid.widths))
        if grid.epochs == 0:
            return made
        folder = once(self.folder / self.entry(grid), lambda: self._finetune(made.reset(), grid))
        model = self.task.open(str(folder)).to(self.device)
        return replace(made, weights=dict(model.state_dict()))

    def start(self) -> nn.Module:
        """Load the model that nothing has trained here, with a new head if it has none."""
        if self.config.model is None:
            return as_linears(self.task.fresh(self.recipe.seed)).to(self.device)
        return self.task.open(self.config.model, self.recipe.seed).to(self.device)

    def _finetune(self, model: nn.Module, grid: Grid) -> None:
        """Finetune the model and save it in the cache."""
        recipe = self.recipe_of(grid)
        check_behaviour(model, self.task, recipe.dropout)
        restore = set_dropout(model, recipe.dropout)
        optimizer = make_optimizer(model, recipe)
        held = pairs(model, fitted(read_masks(self.config.model), model)) if self.keep_masks else []
        try:
            spent = sum(
                finetune_epoch(model, optimizer, self.task, recipe, epoch=epoch, held=held)
                for epoch in range(recipe.epochs)
            )
        finally:
            restore()
        with new_folder(self.folder / self.entry(grid)) as scratch:
            save_model(model, scratch)
            check_saved(model, self.task.load(str(scratch)))
            (scratch / NOTE).write_text(json.dumps({"train_seconds": spent}))

    def recipe_of(self, grid: Grid) -> Recipe:
        """Return the settings that the model on a grid is finetuned with."""
        if grid is None:
            return self.recipe
        own = {"epochs": grid.epochs, "learning_rate": grid.learning_rate}
        return self.recipe.model_copy(update=own)

    def grid_key(self, grid: Grid) -> str | None:
        """Return a key of what the model on a grid depends on, apart from the float model."""
        if grid is None:
            return None
        how = self.recipe_of(grid).model_dump(exclude={"distill"}) if grid.epochs else None
        rate = grid.learning_rate if grid.epochs else 0.0
        scheme = asdict(Scheme(grid.scheme, *grid.widths))
        return fingerprint([{"scheme": scheme, "epochs": grid.epochs, "learning_rate": rate}, how])

    def entry(self, grid: Grid) -> str:
        """Return the folder name of a finetuned model."""
        return FLOATS if grid is None else f"{ON_GRID}{self.grid_key(grid)}"

    def train_seconds(self, grid: Grid) -> float:
        """Return the seconds of finetuning in floats and on the grid; 0 without finetuning."""
        notes = [self.folder / name / NOTE for name in {FLOATS, self.entry(grid)}]
        return sum(train_seconds(note.read_bytes(), note) for note in notes if note.exists())
