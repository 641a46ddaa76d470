"""The sections of a config: settings, defaults and descriptions.

`sweep.config.config` checks how the sections fit together.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sweep.config import fields
from sweep.config.fields import FIGURES, LR_SCHEDULES, SCHEDULERS, is_path
from sweep.registry import METRICS, SAMPLERS, TASKS
from sweep.space import types
from sweep.space.domains import Int
from sweep.space.params import QUANTIZATIONS, Params
from sweep.space.parse import Space, Starts
from sweep.space.types import Section
from sweep.space.values import one_of

EMBEDDED = "digits"
"""The embedded data set. Without a model, a fresh small BERT is trained on it."""

CLOSED_FORM = "closed-form"
"""The task that is a formula, without data, model and torch (`sweep.compress.tasks`)."""


class TaskConfig(Section):
    """The task: data set, columns and metrics."""

    dataset: fields.Dataset = Field(
        description="hub id, folder, digits, closed-form, or {train: FILE, validation: FILE, "
        "test: FILE}; FILE: a file, a folder, a glob, or a list of these"
    )
    subset: fields.Line | None = Field(default=None, description="configuration of a hub data set")
    text: fields.Columns = Field(default="text", description="text column, column pair, or auto")
    label: fields.Line = Field(default="label", description="label column, with names or integers")
    label_names: fields.LabelNames = Field(
        default=None,
        description="names of the labels 0, 1, ...: a list, or a file with one a line; null: those "
        "of the model or the data",
    )
    replace: dict[fields.Characters, str] = Field(
        default={}, description="texts to replace before tokenization"
    )
    max_length: types.Length = Field(default=128, description="tokens; longer texts are cut")
    validation: types.InnerShare = Field(
        default=0.1, description="share of train to use as validation if that split is missing"
    )
    train_samples: types.Count | None = Field(default=None, description="train examples; null: all")
    eval_samples: types.Count | None = Field(default=None, description="eval examples; null: all")
    kind: fields.TaskKind = Field(
        default="auto", description=f"auto (by dataset), {one_of([*TASKS.builtin])}"
    )
    metric: fields.Metric | None = Field(
        default=None, description="primary metric; null: that of the task"
    )
    metrics: list[fields.Metric] = Field(
        default=[], description=f"more metrics to record: {one_of([*METRICS.builtin])}"
    )
    options: dict[fields.Characters, Any] = Field(
        default={}, description="options of a task from another package"
    )
    seed: types.Seed = Field(default=0, description="seed for subsets and validation from train")
    seconds_per_epoch: types.NotNegative = Field(
        default=0.0, description="time of an epoch; closed-form only"
    )

    @property
    def name(self) -> str:
        """The name of the registered task: ``kind``, or the task of the data set."""
        if self.kind != "auto":
            return self.kind
        built_in = (EMBEDDED, CLOSED_FORM)
        return str(self.dataset) if self.dataset in built_in else "classification"

    @property
    def is_folder(self) -> bool:
        """Whether ``dataset`` is the path of a folder, and not the name of a data set."""
        named = isinstance(self.dataset, str) and self.name == "classification"
        return named and is_path(str(self.dataset))

    @property
    def primary(self) -> str:
        """The name of the primary metric."""
        return self.metric or str(TASKS.fact(self.name))

    @property
    def all_metrics(self) -> list[str]:
        """The metrics of a record, the primary one first."""
        return list(dict.fromkeys([self.primary, *self.metrics]))


class QuantizationConfig(Section):
    """A grid for inputs, weights and biases of every Linear layer of the dense model."""

    scheme: fields.Quantization = Field(default="fixed", description=one_of(QUANTIZATIONS))
    width: types.Width | None = Field(default=None, description="bits of fixed; null: 8")
    frac_width: types.Natural | None = Field(
        default=None, description="fractional bits of fixed; null: half of width"
    )
    epochs: types.Natural = Field(
        default=0, description="epochs of finetuning on the grid (QAT); 0: only round (PTQ)"
    )
    learning_rate: types.Positive = Field(default=5e-5, description="their peak learning rate")

    def __str__(self) -> str:
        return "fixed {}/{}".format(*self.widths) if self.scheme == "fixed" else self.scheme

    @property
    def widths(self) -> tuple[int, int]:
        """Bits and fractional bits of the scheme ``fixed``."""
        width = 8 if self.width is None else self.width
        return width, width // 2 if self.frac_width is None else self.frac_width


class BaselineConfig(Section):
    """How the dense model is finetuned once, before all trials."""

    epochs: types.Natural = Field(default=0, description="0: the model is already finetuned")
    learning_rate: types.Positive = Field(default=5e-5, description="peak learning rate")
    batch_size: types.Count = Field(default=32, description="examples per step")
    weight_decay: types.NotNegative = Field(default=0.01, description="weight decay of AdamW")
    warmup: types.Share = Field(default=0.1, description="warmup, as a share of all steps")
    lr_schedule: fields.LrSchedule = Field(default="linear", description=one_of(LR_SCHEDULES))
    seed: types.Seed = Field(default=0, description="seed of data order and new weights")
    new_head: types.Switch = Field(
        default=False, description="replace a trained head by a new one, drawn from the seed"
    )
    quantization: QuantizationConfig | None = Field(
        default=None, description="{scheme: fixed, width: 8, frac_width: 4, epochs: 1}; null: none"
    )


class PruningConfig(Section):
    """Which weights can be pruned. By default: the weights of all Linear and Conv layers."""

    include: list[fields.Line] = Field(
        default=[], description="patterns of module names, such as 'encoder.*'; empty: all"
    )
    exclude: list[fields.Line] = Field(default=[], description="patterns of modules to skip")
    embeddings: types.Switch = Field(default=False, description="prune embeddings too")
    calibration_samples: types.Count = Field(
        default=128, description="train examples for methods that need data"
    )
    start_masks: fields.StartMasks = Field(
        default="drop",
        description="keep the masks of an exported model in every trial, or drop them",
    )


class DistillConfig(Section):
    """How a pruned model learns from a teacher in addition to the labels."""

    weight: types.WholeShare = Field(default=0.5, description="the teacher's share of the loss")
    temperature: types.Positive = Field(default=2.0, description="softens the teacher's answers")
    teacher: fields.Place | None = Field(
        default=None, description="hub id or folder, with the same labels; null: the dense model"
    )


class RecoverConfig(Section):
    """How a pruned model is finetuned. Its learning rate and epochs are in the space."""

    batch_size: types.Count = Field(default=32, description="examples per step")
    eval_batch_size: types.Count = Field(default=128, description="examples per batch")
    lr_schedule: fields.LrSchedule = Field(
        default="constant", description="linear: then only a trial's last epoch counts"
    )
    warmup: types.Share = Field(
        default=0.1, description="warmup, as a share of an epoch's steps (linear: of all steps)"
    )
    weight_decay: types.NotNegative = Field(default=0.01, description="weight decay of AdamW")
    clip_norm: types.Positive = Field(default=1.0, description="gradients are clipped to this norm")
    dropout: types.Share | None = Field(
        default=None, description="of the whole model, refused without effect; null: its own rates"
    )
    bf16: types.Switch | fields.Auto = Field(
        default="auto", description="auto: if the hardware has it"
    )
    distill: DistillConfig | None = Field(
        default=None, description="{weight: 0.5, temperature: 2.0, teacher: null}; null: none"
    )


class PlateauConfig(Section):
    """When a front counts as no longer growing."""

    trials: types.Count = Field(description="number of last trials to look at")
    gain: types.Positive = Field(
        default=0.001, description="minimal growth of the hypervolume over these trials, relative"
    )


class BudgetConfig(Section):
    """Limits of a sweep. At a limit, running trials end normally and no new trial begins."""

    epochs: types.Count | None = Field(default=None, description="finetune epochs of all trials")
    seconds: types.Positive | None = Field(default=None, description="wall time of all sessions")
    plateau: PlateauConfig | None = Field(
        default=None, description="{trials: K, gain: 0.001}: stop when the front no longer grows"
    )


class SearchConfig(Section):
    """Which trials run, and which trials are stopped early."""

    sampler: fields.Sampler = Field(
        default="auto", description=f"proposes params: {one_of(['auto', *SAMPLERS.builtin])}"
    )
    scheduler: fields.Scheduler = Field(
        default="moasha", description=f"stops trials: {one_of(SCHEDULERS)}"
    )
    trials: types.Count = Field(default=64, description="number of trials; a grid runs all")
    seed: types.Seed = Field(default=0, description="seed of the sampler and of all trials")
    max_concurrent: types.Count | fields.Auto = Field(
        default="auto", description="trials at once; auto: as many as the cluster can run"
    )
    grace_period: types.Natural = Field(
        default=0, description="epochs before the first stop; 0: right after pruning"
    )
    reduction_factor: types.Factor = Field(
        default=3.0, description="factor between rungs; about 1/factor of the trials continue"
    )
    margin: types.NotNegative = Field(
        default=1.0, description="standard errors by which a peer must be better to stop a trial"
    )
    max_failures: types.Natural = Field(default=2, description="lost workers that a trial may have")
    budget: BudgetConfig = Field(
        default=BudgetConfig(), description="limits besides the number of trials; null: no limit"
    )
    constraints: fields.Constraints = Field(
        default={}, description="{metric: {min: x, max: y}} that front points should satisfy"
    )
    starts: Starts = Field(
        default=[], description="points to try first, such as [{sparsity: 0.5, method: random}]"
    )
    warm_start: list[fields.Place] = Field(
        default=[], description="folders of other sweeps whose results the sampler uses"
    )
    reference: fields.Reference = Field(
        default={}, description="reference point of the hypervolume, if not the default"
    )


class ResourcesConfig(Section):
    """The resources of one trial."""

    cpu: types.Positive = Field(default=1.0, description="cores")
    gpu: types.NotNegative = Field(
        default=0.0, description="GPUs; a share of a GPU also limits its memory"
    )


class Settings(Section):
    """All sections of a config, each valid by itself."""

    name: fields.Slug = Field(description="name of the sweep and of its folder")
    model: fields.Place | None = Field(
        default=None, description="hub id or folder; null (digits only): a fresh BERT"
    )
    tokenizer: fields.Place | None = Field(default=None, description="null: that of the model")
    task: TaskConfig = Field(description="data set, columns and metrics")
    baseline: BaselineConfig = Field(default=BaselineConfig(), description="the dense model")
    pruning: PruningConfig = Field(default=PruningConfig(), description="prunable weights")
    space: Space = Field(
        default={}, validate_default=True, description="the values that each parameter may have"
    )
    recover: RecoverConfig = Field(default=RecoverConfig(), description="finetuning after pruning")
    objectives: fields.Objectives = Field(
        default={"accuracy": "max", "sparsity": "max"},
        description=f"max or min for each: a metric, its _drop, {one_of(FIGURES)}",
    )
    search: SearchConfig = Field(default=SearchConfig(), description="which trials run")
    resources: ResourcesConfig = Field(default=ResourcesConfig(), description="for each trial")
    storage: fields.Place = Field(
        default="results", description="folder of sweeps, or s3:// or gs:// address"
    )
    listeners: fields.Listeners = Field(
        default={}, description="listeners of the sweep: [name, ...], or {name: {option: value}}"
    )

    @property
    def max_epochs(self) -> int:
        """The most finetune epochs of a trial."""
        epochs = self.space["finetune_epochs"]
        most = epochs.high if isinstance(epochs, Int) else int(max(epochs.grid()))
        return max(most, Params().finetune_epochs) if epochs.when else most
