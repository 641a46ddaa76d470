"""The dense model: loaded or finetuned once, evaluated once, kept warm beside the trials."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sweep.atomic import new_folder, write_text
from sweep.cache import cache_root, fingerprint, once, tree_digest
from sweep.calibration import Calibration
from sweep.config import SweepConfig
from sweep.dense import Dense
from sweep.distillation import Distillation
from sweep.errors import UsageError
from sweep.handover.start import has_masks, read_masks, share
from sweep.kept import digest_of, fetch, kept
from sweep.measure import measure
from sweep.model import check_positions, fresh_bert, has_head, load_classifier, set_dropout
from sweep.params import Params
from sweep.parcel import Parcel, pack, unpack
from sweep.pruning import Targets, prunable_weights
from sweep.pruning.fit import check_groups
from sweep.pruning.start import check_space, fitted, pairs
from sweep.quantization import OnGrid
from sweep.quantization.dense import Grids
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
        return cache_root() / "dense" / self._key()

    @cached_property
    def dense(self) -> Dense:
        """The dense model: loaded, or finetuned if ``baseline.epochs > 0`` and nobody has yet.

        In floats, whatever the config says of grids: :attr:`grids` has those.
        """
        if self.config.baseline.epochs == 0:
            return Dense.of(self._starting_model(), self.device)
        folder = once(self.folder / "model", self._finetune)
        return Dense.of(load_classifier(str(folder), self.task), self.device)

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
        grid = self.grids.named(None)
        figures = self._cached_figures(split, grid)
        if grid is None:
            return figures
        steps = {"dense": None, "ptq": grid.untrained} | ({"qat": grid} if grid.epochs else {})
        found = {name: self._cached_figures(split, step) for name, step in steps.items()}
        sizes = {f"dense_{name}": found["dense"][name] for name in ("size_bytes", "nonzero_params")}
        accuracies = {f"{name}_accuracy": each["accuracy"] for name, each in found.items()}
        return {**figures, **sizes, **accuracies}

    def _cached_figures(self, split: str, grid: OnGrid | None) -> dict[str, Any]:
        file = self._figures_file(split, grid)

        def store() -> None:
            figures = self._figures(split, grid)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, json.dumps(figures))

        found: dict[str, Any] = json.loads(once(file, store).read_text())
        return found

    def pack(self) -> Parcel:
        """The dense models that were finetuned here, and their figures, for other machines."""
        self.grids.make()  # now, once, and not by each worker for itself
        others = self.grids.of_others()
        return {name: files for name, files in pack(self.folder).items() if name not in others}

    def unpack(self, fetch: Callable[[], Parcel]) -> None:
        """Take the dense model and its figures from where they were made, if they are not here."""
        needed = self.trained[-1] if self.trained else self._figures_file("validation").name
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
        self.calibration(None).check(self.config.space["method"].grid())
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

    def _figures_file(self, split: str, grid: OnGrid | None = None) -> Path:
        data = self.task.split(split)
        examples = fingerprint([split, len(data), data.labels.tolist()[:4096], self.task.key])
        config = self.config
        chosen = config.pruning.model_dump(mode="json", exclude={"calibration_samples"})
        how = [chosen, config.recover.bf16]
        wanted = [FIGURES, sorted(config.task.metrics)]
        on_grid = [self.grids.key(grid)] if grid else []
        counted = fingerprint([*how, *wanted, examples, *on_grid])
        return self.folder / f"{split}-{counted}.json"

    def _figures(self, split: str, grid: OnGrid | None) -> dict[str, Any]:
        model = self.grids.dense(grid).reset()
        data, recipe = self.task.split(split), self.recipe(0.0, 0, 0)
        score = evaluate(model, data, recipe, self.task.pad_id)
        weights = prunable_weights(model, self.targets)
        size = measure(model, weights, grid is not None).__dict__
        spent = self._train_seconds(grid)
        return {
            **score.figures(self.config.task.metrics),
            **{name: value for name, value in size.items() if value is not None},
            "prunable_weights": [[name, weight.numel()] for name, weight in weights.items()],
            "majority_accuracy": majority_share(data),
            "train_seconds": spent,
            "eval_seconds": score.seconds,
            "seconds": spent + score.seconds,
        }

    def _train_seconds(self, grid: OnGrid | None) -> float:
        folders = [self.folder / "model"]
        folders += [self.grids.folder(grid)] if grid and grid.epochs else []
        notes = [folder / "finetune.json" for folder in folders]
        spent = [json.loads(note.read_text())["train_seconds"] for note in notes if note.exists()]
        return float(sum(spent))

    def _starting_model(self) -> nn.Module:
        config = self.config
        if config.model is None:
            return fresh_bert(self.task, config.task.max_length, config.baseline.seed)
        model = load_classifier(config.model, self.task, config.baseline.seed)
        check_positions(model, config.model, config.task.max_length)
        return model

    def _finetune(self) -> None:
        model = self._starting_model().to(self.device)
        self.train(model, self.baseline_recipe(), self.folder / "model")

    def train(self, model: nn.Module, recipe: Recipe, folder: Path) -> None:
        """Finetune, and save into a new folder; masks of before are held where that is asked."""
        config = self.config
        set_dropout(model, recipe.dropout)
        optimizer = make_optimizer(model, recipe)
        keep = config.pruning.start_masks == "keep"
        held = pairs(model, fitted(read_masks(config.model), model)) if keep else []
        seconds = 0.0
        for epoch in range(recipe.epochs):
            seconds += finetune_epoch(
                model,
                optimizer,
                self.task.train,
                recipe,
                epoch=epoch,
                held=held,
                pad_id=self.task.pad_id,
            )
        with new_folder(folder) as scratch:
            model.save_pretrained(scratch)  # type: ignore[operator]
            (scratch / "finetune.json").write_text(json.dumps({"train_seconds": seconds}))

    def baseline_recipe(self) -> Recipe:
        """How the dense model is finetuned."""
        own = self.config.baseline.model_dump(mode="json", exclude={"quantization"})
        usual = self.config.recover.model_dump(mode="json", exclude={"distill"})
        return Recipe(**usual | own)

    def _key(self) -> str:
        """What the dense weights and their figures depend on."""
        config = self.config
        model: Any = config.model
        if model is not None and Path(model).is_dir():
            model = tree_digest(model)
        data = [self.task.key, config.task.model_dump(mode="json", exclude={"dataset", "metrics"})]
        fresh = {"seed": config.baseline.seed}  # of weights that no training follows
        trained = self.baseline_recipe().__dict__ if config.baseline.epochs else fresh
        kept = ["keep"] if config.pruning.start_masks == "keep" else []
        return fingerprint([model, data, trained, config.task.max_length, *kept])
