"""How dense models come to be: in floats and on grids, loaded or finetuned, once, and cached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sweep.compress.dense.ship import NOTE
from sweep.compress.dense.working import Dense
from sweep.compress.models import (
    check_labels,
    check_positions,
    fresh_bert,
    load_classifier,
    names_labels,
    set_dropout,
)
from sweep.compress.prune.masks import pairs
from sweep.compress.prune.targets import fitted, read_masks
from sweep.compress.quantize import OnGrid
from sweep.compress.tasks import Task
from sweep.compress.train import Recipe, finetune_epoch, make_optimizer
from sweep.ledger.cache import fingerprint, once, tree_digest
from sweep.ledger.files import new_folder

FLOATS, ON_GRID = "model", "qat-"
"""The folder of the finetuned model in floats; how those on grids begin."""


@dataclass(frozen=True)
class Source:
    """What a dense model starts from: a hub id or a folder, or (None) a fresh small BERT.

    ``seed`` draws the weights that no checkpoint has. ``keep_masks``: the masks that lie beside the
    model are held when it is finetuned.
    """

    model: str | None
    max_length: int
    seed: int
    keep_masks: bool = False

    def load(self, task: Task) -> nn.Module:
        """The model, with a fresh head where it has none.

        Raises :class:`~sweep.errors.UsageError` where it does not fit the task.
        """
        if self.model is None:
            return fresh_bert(task, self.max_length, self.seed)
        model = load_classifier(self.model, task, self.seed)
        check_positions(model, self.model, self.max_length)
        self._check_names(model, task)
        return model

    def load_finetuned(self, folder: Path, task: Task) -> nn.Module:
        """What was finetuned of it, and saved.

        Raises :class:`~sweep.errors.UsageError` where it does not fit the task.
        """
        model = load_classifier(str(folder), task)
        self._check_names(model, task)  # a version before the check may have finetuned it
        return model

    def _check_names(self, model: nn.Module, task: Task) -> None:
        """Labels in another order than the head's make figures, or names in an export, wrong."""
        if names_labels(model):
            check_labels(model, f"model {self.model!r}", task.label_names)

    def key(self, task: Task, settings: Mapping[str, Any], recipe: Recipe) -> str:
        """What the weights of the dense model in floats, and its figures, depend on.

        ``settings`` are those of the task, beside its data.
        """
        model: Any = self.model
        if model is not None and Path(model).is_dir():
            model = tree_digest(model)
        fresh = {"seed": self.seed}  # of weights that no training follows
        trained = asdict(recipe) if recipe.epochs else fresh
        kept = ["keep"] if self.keep_masks else []
        return fingerprint([model, [task.key, settings], trained, self.max_length, *kept])


class DenseModels:
    """The dense models of a sweep, by grid (None: in floats): each made at first use.

    ``recipe`` finetunes the one in floats, and those on grids but for epochs and learning rate.
    All work in one copy; what is finetuned lies in ``folder``, under its :func:`entry`.
    """

    def __init__(
        self, source: Source, task: Task, recipe: Recipe, folder: Path, device: torch.device
    ) -> None:
        self.source, self.task, self.recipe = source, task, recipe
        self.folder, self.device = folder, device
        self._made: dict[OnGrid | None, Dense] = {}

    def get(self, grid: OnGrid | None = None) -> Dense:
        """The dense model on a grid, finetuned if that is asked and nobody has yet.

        Raises :class:`~sweep.errors.UsageError` where the source does not fit the task.
        """
        if grid not in self._made:
            self._made[grid] = self._in_floats() if grid is None else self._on_grid(grid)
        return self._made[grid]

    def _in_floats(self) -> Dense:
        if self.recipe.epochs == 0:
            return Dense.of(self.source.load(self.task), self.device)

        def make() -> None:
            self._finetune(self.source.load(self.task).to(self.device), None)

        folder = once(self.folder / FLOATS, make)
        return Dense.of(self.source.load_finetuned(folder, self.task), self.device)

    def _on_grid(self, grid: OnGrid) -> Dense:
        made = replace(self.get(), scheme=grid.scheme)
        if grid.epochs == 0:
            return made

        def make() -> None:
            self._finetune(made.reset(), grid)

        folder = once(self.folder / entry(grid, self.recipe), make)
        model = load_classifier(str(folder), self.task).to(self.device)
        return replace(made, weights=dict(model.state_dict()))

    def _finetune(self, model: nn.Module, grid: OnGrid | None) -> None:
        """Finetune, and save; the masks of the source are held where that is asked."""
        recipe = recipe_of(grid, self.recipe)
        set_dropout(model, recipe.dropout)
        optimizer = make_optimizer(model, recipe)
        keep = self.source.keep_masks
        held = pairs(model, fitted(read_masks(self.source.model), model)) if keep else []
        train = partial(
            finetune_epoch,
            model,
            optimizer,
            self.task.train,
            recipe,
            held=held,
            pad_id=self.task.pad_id,
        )
        spent = sum(train(epoch=epoch) for epoch in range(recipe.epochs))
        with new_folder(self.folder / entry(grid, self.recipe)) as scratch:
            model.save_pretrained(scratch)  # type: ignore[operator]
            (scratch / NOTE).write_text(json.dumps({"train_seconds": spent}))


def recipe_of(grid: OnGrid | None, recipe: Recipe) -> Recipe:
    """How a model is finetuned on a grid, given how the one in floats is."""
    if grid is None:
        return recipe
    return replace(recipe, epochs=grid.epochs, learning_rate=grid.learning_rate)


def grid_key(grid: OnGrid, recipe: Recipe) -> str:
    """What a model on a grid depends on, beside the one in floats."""
    how = asdict(recipe_of(grid, recipe)) if grid.epochs else None
    return fingerprint([asdict(grid), how])


def entry(grid: OnGrid | None, recipe: Recipe) -> str:
    """The name of the folder of a finetuned model."""
    return FLOATS if grid is None else f"{ON_GRID}{grid_key(grid, recipe)}"


def train_seconds(folder: Path) -> float:
    """How long the model was finetuned that lies there; 0 where none does."""
    note = folder / NOTE
    return float(json.loads(note.read_text())["train_seconds"]) if note.exists() else 0.0
