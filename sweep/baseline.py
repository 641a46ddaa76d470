"""The dense model: loaded or finetuned once, evaluated once, kept warm beside the trials."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sweep.atomic import new_folder, write_text
from sweep.cache import cache_root, fingerprint, once, tree_digest
from sweep.calibration import Calibration
from sweep.config import SweepConfig
from sweep.distillation import Distillation
from sweep.errors import UsageError
from sweep.handover.start import has_masks, read_masks, share
from sweep.kept import fetch, kept
from sweep.measure import measure
from sweep.model import (
    check_positions,
    dropout_rates,
    fresh_bert,
    has_head,
    load_classifier,
    set_dropout,
)
from sweep.params import Params
from sweep.parcel import Parcel, pack, unpack
from sweep.pruning import Targets, prunable_weights
from sweep.pruning.fit import check_groups
from sweep.pruning.start import check_space, fitted, pairs
from sweep.recovery import distilled, may_distill
from sweep.storage.place import Place
from sweep.tasks import Task, load_task
from sweep.tasks.task import majority_share
from sweep.teacher import teacher_logits
from sweep.training import Recipe, evaluate, finetune_epoch, make_optimizer
from sweep.trial import Trial

SEEN = (
    "validation is carved from the train split, and the model was finetuned before this sweep "
    "(baseline.epochs: 0): it may have seen these examples, so validation figures flatter it"
)
UNTRAINED = (
    "the model has no trained classifier head, and baseline.epochs is 0: its answers are chance"
)

REGROW = (
    "the model was pruned before ({share:.1%} of the weights that have a mask), and "
    "pruning.start_masks is drop: where a trial keeps such a weight, finetuning may let it grow"
)

FIGURES = 2
"""Of the baseline's figures: raised with each new one, so that no cached file lacks any."""


@dataclass
class Dense:
    """A dense model that trials start from.

    ``model`` is the one working copy of a worker; :meth:`reset` puts the pristine weights back in
    it, which costs a memory copy where loading a model costs seconds.
    """

    model: nn.Module
    weights: dict[str, Tensor]
    dropout: dict[str, float]

    @classmethod
    def of(cls, model: nn.Module, device: torch.device | str = "cpu") -> Dense:
        """Take ``model`` as it is now for the pristine one."""
        model = model.to(device)
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        return cls(model, weights, dropout_rates(model))

    def reset(self) -> nn.Module:
        """The model with its dense weights and own dropout, no hooks, no gradients."""
        for name, module in self.model.named_modules():
            module._forward_pre_hooks.clear()
            if isinstance(module, nn.Dropout):
                module.p = self.dropout[name]
        self.model.zero_grad(set_to_none=True)
        self.model.load_state_dict(self.weights)
        return self.model


class Workbench:
    """What a worker keeps between trials: the task, the dense model and its figures.

    Everything is made at first use, from the caches where they hold it, so that the first worker
    to ask pays and the others open what it left.
    """

    def __init__(self, config: SweepConfig, device: str | None = None) -> None:
        self.config = config
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))

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
        return cache_root() / "dense" / self._key()

    @cached_property
    def dense(self) -> Dense:
        """The dense model: loaded, or finetuned if ``baseline.epochs > 0`` and nobody has yet."""
        if self.config.baseline.epochs == 0:
            return Dense.of(self._starting_model(), self.device)
        folder = once(self.folder / "model", self._finetune)
        return Dense.of(load_classifier(str(folder), self.task), self.device)

    @cached_property
    def calibration(self) -> Calibration:
        """What methods know of the dense model beside its weights: once a sweep and machine."""
        which = [asdict(self.targets), self.config.pruning.calibration_samples]
        where = f"{self.folder.name}-{fingerprint(which)}"
        return Calibration(self, cache_root() / "statistics" / where)

    def baseline(self, split: str = "validation") -> dict[str, Any]:
        """The dense model's figures on a split (see DESIGN: the ``baseline`` event), cached."""
        file = self._figures_file(split)

        def store() -> None:
            figures = self._figures(split)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, json.dumps(figures))

        found: dict[str, Any] = json.loads(once(file, store).read_text())
        return found

    def pack(self) -> Parcel:
        """The dense model, if it was finetuned here, and its figures, for other machines."""
        return pack(self.folder)

    def unpack(self, fetch: Callable[[], Parcel]) -> None:
        """Take the dense model and its figures from where they were made, if they are not here."""
        needed = "model" if self.config.baseline.epochs else self._figures_file("validation").name
        unpack(self.folder, fetch, needed)

    def adopt(self, place: Place) -> None:
        """Take for the dense model the one that a sweep keeps at ``place``, if it keeps one.

        Before the first use. Where the cache has another one of the same settings (finetuned by
        another machine, say), that stays as it is. Raises :class:`~sweep.errors.StorageError`
        where the sweep's cannot be read.
        """
        wanted = kept(place) if self.config.baseline.epochs else None
        if wanted is None:
            return
        fetched = partial(fetch, place, wanted)
        unpack(self.folder, fetched, "model")
        if tree_digest(self.folder / "model") != wanted:
            self.folder = self.folder.with_name(f"{self.folder.name}-{wanted}")
            unpack(self.folder, fetched, "model")

    @property
    def warnings(self) -> list[str]:
        """What a reader of the figures must know."""
        regrow = []
        if self.config.pruning.start_masks == "drop" and has_masks(self.config.model):
            regrow = [REGROW.format(share=share(read_masks(self.config.model)))]
        if self.config.baseline.epochs > 0:
            return regrow
        untrained = not has_head(self.dense.model.config)
        return [SEEN] * self.task.carved + [UNTRAINED] * untrained + regrow

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
        self.calibration.check(self.config.space["method"].grid())
        if may_distill(self.config):
            _ = self.teacher_logits  # made before trials ask for them, and packed

    @cached_property
    def teacher_logits(self) -> Tensor:
        """What the teacher says of train: see :func:`sweep.teacher.teacher_logits`."""
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

    def _figures_file(self, split: str) -> Path:
        data = self.task.split(split)
        examples = fingerprint([split, len(data), data.labels.tolist()[:4096], self.task.key])
        config = self.config
        chosen = config.pruning.model_dump(mode="json", exclude={"calibration_samples"})
        how = [chosen, config.recover.bf16]
        wanted = [FIGURES, sorted(config.task.metrics)]
        counted = fingerprint([*how, *wanted, examples])
        return self.folder / f"{split}-{counted}.json"

    def _figures(self, split: str) -> dict[str, Any]:
        model = self.dense.reset()
        data, recipe = self.task.split(split), self.recipe(0.0, 0, 0)
        score = evaluate(model, data, recipe, self.task.pad_id)
        weights = prunable_weights(model, self.targets)
        return {
            **score.figures(self.config.task.metrics),
            **measure(model, weights).__dict__,
            "prunable_weights": [[name, weight.numel()] for name, weight in weights.items()],
            "majority_accuracy": majority_share(data),
            "train_seconds": self._train_seconds(),
            "eval_seconds": score.seconds,
            "seconds": self._train_seconds() + score.seconds,
        }

    def _train_seconds(self) -> float:
        file = self.folder / "model" / "finetune.json"
        return float(json.loads(file.read_text())["train_seconds"]) if file.exists() else 0.0

    def _starting_model(self) -> nn.Module:
        config = self.config
        if config.model is None:
            return fresh_bert(self.task, config.task.max_length, config.baseline.seed)
        model = load_classifier(config.model, self.task, config.baseline.seed)
        check_positions(model, config.model, config.task.max_length)
        return model

    def _finetune(self) -> None:
        config = self.config
        model = self._starting_model().to(self.device)
        recipe = self._baseline_recipe()
        set_dropout(model, recipe.dropout)
        optimizer = make_optimizer(model, recipe)
        keep = config.pruning.start_masks == "keep"
        held = pairs(model, fitted(read_masks(config.model), model)) if keep else []
        seconds = 0.0
        for epoch in range(config.baseline.epochs):
            seconds += finetune_epoch(
                model,
                optimizer,
                self.task.train,
                recipe,
                epoch=epoch,
                held=held,
                pad_id=self.task.pad_id,
            )
        with new_folder(self.folder / "model") as scratch:
            model.save_pretrained(scratch)  # type: ignore[operator]
            (scratch / "finetune.json").write_text(json.dumps({"train_seconds": seconds}))

    def _baseline_recipe(self) -> Recipe:
        settings = self.config.recover.model_dump(mode="json", exclude={"distill"})
        return Recipe(**(settings | self.config.baseline.model_dump(mode="json")))

    def _key(self) -> str:
        """What the dense weights and their figures depend on."""
        config = self.config
        model: Any = config.model
        if model is not None and Path(model).is_dir():
            model = tree_digest(model)
        data = [self.task.key, config.task.model_dump(mode="json", exclude={"dataset", "metrics"})]
        fresh = {"seed": config.baseline.seed}  # of weights that no training follows
        trained = self._baseline_recipe().__dict__ if config.baseline.epochs else fresh
        kept = ["keep"] if config.pruning.start_masks == "keep" else []
        return fingerprint([model, data, trained, config.task.max_length, *kept])
