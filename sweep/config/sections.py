"""The settings of a sweep with their defaults, section by section.

`sweep.config.config` says how the sections must fit together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from sweep.config import fields
from sweep.config.fields import FIGURES, LR_SCHEDULES, SCHEDULERS
from sweep.registry import METRICS, SAMPLERS, TASKS
from sweep.space import types
from sweep.space.domains import Int
from sweep.space.params import QUANTIZATIONS, Params
from sweep.space.parse import Space, Starts
from sweep.space.types import Section
from sweep.space.values import Problem, Refused, one_of

EMBEDDED = "digits"
"""The data set that needs no download and, without a model, trains a fresh small BERT."""

CLOSED_FORM = "closed-form"
"""The task that is a formula: no data, no model, no torch (`sweep.compress.tasks`)."""


class Files(Section):
    """Local parquet, csv or jsonl files, one a split."""

    train: fields.Line = Field(description="file to finetune on")
    validation: fields.Line | None = Field(default=None, description="file that the search sees")
    test: fields.Line | None = Field(default=None, description="file read once, after the search")


def _read_dataset(raw: object) -> object:
    if isinstance(raw, Mapping | Files):
        return Files.model_validate(raw)
    if fields.is_name(raw):
        return raw
    allowed = "a hub id, digits, closed-form, or {train: FILE, validation: FILE, test: FILE}"
    raise Refused(Problem((), "is no data set", raw, allowed))


Dataset = Annotated[str | Files, BeforeValidator(_read_dataset)]


class TaskConfig(Section):
    """What is learned, and what of it the search sees."""

    dataset: Dataset = Field(
        description="hub id, digits, closed-form, or {train: FILE, validation: FILE, test: FILE}"
    )
    subset: fields.Line | None = Field(default=None, description="configuration of a hub data set")
    text: fields.Columns = Field(default="text", description="text column, a pair of them, or auto")
    label: fields.Line = Field(default="label", description="label column, of names or integers")
    replace: dict[fields.Characters, str] = Field(
        default={}, description="texts replaced before tokenising"
    )
    max_length: types.Length = Field(default=128, description="tokens; longer texts are cut")
    validation: types.InnerShare = Field(
        default=0.1, description="share carved from train if there is no validation split"
    )
    train_samples: types.Count | None = Field(default=None, description="train examples used")
    eval_samples: types.Count | None = Field(default=None, description="evaluation examples used")
    kind: fields.TaskKind = Field(
        default="auto", description=f"auto (by dataset), {one_of([*TASKS.builtin])}"
    )
    metric: fields.Metric | None = Field(
        default=None, description="what drops and answers are about; null: the task's own"
    )
    metrics: list[fields.Metric] = Field(
        default=[], description=f"further metrics, of {one_of([*METRICS.builtin])}"
    )
    options: dict[fields.Characters, Any] = Field(
        default={}, description="settings of a task that another package brings"
    )
    seed: types.Seed = Field(default=0, description="of the carving and of the subsets")
    seconds_per_epoch: types.NotNegative = Field(
        default=0.0, description="closed-form only: what an epoch takes"
    )

    @property
    def name(self) -> str:
        """The registered task: ``kind``, or the one that the data set says."""
        if self.kind != "auto":
            return self.kind
        built_in = (EMBEDDED, CLOSED_FORM)
        return str(self.dataset) if self.dataset in built_in else "classification"

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
        default=None, description="bits of fixed behind the point; null: half of width"
    )
    epochs: types.Natural = Field(
        default=0, description="finetuned on the grid (QAT); 0: rounded alone (PTQ)"
    )
    learning_rate: types.Positive = Field(default=5e-5, description="peak of those epochs")

    def __str__(self) -> str:
        if self.scheme != "fixed":
            return self.scheme
        return "fixed {}/{}".format(*self.widths)

    @property
    def widths(self) -> tuple[int, int]:
        """Bits, and bits behind the point, of the scheme ``fixed``."""
        width = 8 if self.width is None else self.width
        return width, width // 2 if self.frac_width is None else self.frac_width


class BaselineConfig(Section):
    """How the dense model is finetuned, once, before anything is pruned."""

    epochs: types.Natural = Field(default=0, description="0: the model is finetuned already")
    learning_rate: types.Positive = Field(default=5e-5, description="peak learning rate")
    batch_size: types.Count = Field(default=32, description="examples a step")
    weight_decay: types.NotNegative = Field(default=0.01, description="of AdamW")
    warmup: types.Share = Field(default=0.1, description="share of all steps that warm up")
    lr_schedule: fields.LrSchedule = Field(default="linear", description=one_of(LR_SCHEDULES))
    seed: types.Seed = Field(default=0, description="of the order, and of fresh weights")
    quantization: QuantizationConfig | None = Field(
        default=None, description="{scheme: fixed, width: 8, frac_width: 4, epochs: 1}; null: none"
    )


class PruningConfig(Section):
    """Which weights can be pruned: those of every Linear and Conv layer, unless said otherwise."""

    include: list[fields.Line] = Field(
        default=[], description="patterns over module names, such as 'encoder.*'; empty: all"
    )
    exclude: list[fields.Line] = Field(default=[], description="patterns of modules left alone")
    embeddings: types.Switch = Field(default=False, description="prune embeddings too")
    calibration_samples: types.Count = Field(
        default=128, description="train examples for methods that look at data"
    )
    start_masks: fields.StartMasks = Field(
        default="drop",
        description="of a model that was exported: keep its masks in every trial, or drop them",
    )


class DistillConfig(Section):
    """How a pruned model learns from a teacher, beside the labels."""

    weight: types.WholeShare = Field(default=0.5, description="the teacher's share of the loss")
    temperature: types.Positive = Field(default=2.0, description="softens the teacher's answers")
    teacher: fields.Line | None = Field(
        default=None, description="hub id or folder of the same labels; null: the dense model"
    )


class RecoverConfig(Section):
    """How a pruned model is finetuned; the learning rate and the epochs are in the space."""

    batch_size: types.Count = Field(default=32, description="examples a step")
    eval_batch_size: types.Count = Field(default=128, description="examples a batch")
    lr_schedule: fields.LrSchedule = Field(
        default="constant", description="or linear: then only a trial's last epoch counts"
    )
    warmup: types.Share = Field(
        default=0.1, description="share of one epoch's steps (linear: of all steps)"
    )
    weight_decay: types.NotNegative = Field(default=0.01, description="of AdamW")
    clip_norm: types.Positive = Field(default=1.0, description="gradients are clipped to it")
    dropout: types.Share | None = Field(default=None, description="null: the model's own")
    bf16: types.Switch | fields.Auto = Field(
        default="auto", description="auto: if the hardware has it"
    )
    distill: DistillConfig | None = Field(
        default=None, description="{weight: 0.5, temperature: 2.0, teacher: null}; null: none"
    )


class PlateauConfig(Section):
    """When a front has stopped growing."""

    trials: types.Count = Field(description="over how many ended trials")
    gain: types.Positive = Field(
        default=0.001, description="least growth of the hypervolume, as a share of it"
    )


class BudgetConfig(Section):
    """What a sweep may cost. Where one is spent, running trials end and no new one begins."""

    epochs: types.Count | None = Field(default=None, description="finetune epochs of all trials")
    seconds: types.Positive | None = Field(default=None, description="wall time of all sessions")
    plateau: PlateauConfig | None = Field(
        default=None, description="{trials: K, gain: 0.001}: the front has stopped growing"
    )


class SearchConfig(Section):
    """Which trials are run, and which are stopped early."""

    sampler: fields.Sampler = Field(
        default="auto", description=f"proposes params: {one_of(['auto', *SAMPLERS.builtin])}"
    )
    scheduler: fields.Scheduler = Field(
        default="moasha", description=f"stops trials: {one_of(SCHEDULERS)}"
    )
    trials: types.Count = Field(default=64, description="trials in all; a grid runs every point")
    seed: types.Seed = Field(default=0, description="of the sampler and of every trial")
    max_concurrent: types.Count | fields.Auto = Field(
        default="auto", description="trials at once; auto: as many as fit, or can be made to"
    )
    grace_period: types.Natural = Field(
        default=0, description="epochs before the first stop; 0: right after pruning"
    )
    reduction_factor: types.Factor = Field(
        default=3.0,
        description="rungs lie this factor apart; about 1/factor goes on",
    )
    margin: types.NotNegative = Field(
        default=1.0, description="standard errors of the noise by which a peer must be better"
    )
    max_failures: types.Natural = Field(default=2, description="lost workers that a trial survives")
    budget: BudgetConfig = Field(
        default=BudgetConfig(), description="what a sweep may cost beside its trials; null: no end"
    )
    constraints: fields.Constraints = Field(
        default={}, description="{metric: {min: x, max: y}} that the front should keep to"
    )
    starts: Starts = Field(
        default=[], description="points tried first, such as [{sparsity: 0.5, method: random}]"
    )
    warm_start: list[fields.Line] = Field(
        default=[], description="folders of other sweeps to learn from"
    )
    reference: fields.Reference = Field(
        default={}, description="corner of the hypervolume, where it is not to be the usual one"
    )


class ResourcesConfig(Section):
    """What one trial takes."""

    cpu: types.Positive = Field(default=1.0, description="cores")
    gpu: types.NotNegative = Field(
        default=0.0, description="GPUs; a share of one holds for its memory too"
    )


class Settings(Section):
    """The sections of a config, each right by itself."""

    name: fields.Slug = Field(description="name of the sweep and of its folder")
    model: fields.Line | None = Field(
        default=None, description="hub id or folder; null (digits only): a fresh BERT"
    )
    tokenizer: fields.Line | None = Field(default=None, description="null: the model's own")
    task: TaskConfig = Field(description="what is learned")
    baseline: BaselineConfig = Field(default=BaselineConfig(), description="the dense model")
    pruning: PruningConfig = Field(default=PruningConfig(), description="which weights may go")
    space: Space = Field(
        default={}, validate_default=True, description="what each parameter may be"
    )
    recover: RecoverConfig = Field(default=RecoverConfig(), description="finetuning after pruning")
    objectives: fields.Objectives = Field(
        default={"accuracy": "max", "sparsity": "max"},
        description=f"each max or min; a metric, its _drop, {one_of(FIGURES)}",
    )
    search: SearchConfig = Field(default=SearchConfig(), description="which trials are run")
    resources: ResourcesConfig = Field(default=ResourcesConfig(), description="of one trial")
    storage: fields.Line = Field(
        default="results", description="folder of sweeps, or s3:// or gs:// address"
    )
    listeners: fields.Listeners = Field(
        default={}, description="what follows the sweep: [name, ...], or {name: {option: value}}"
    )

    @property
    def max_epochs(self) -> int:
        """The most finetune epochs that a trial can have."""
        epochs = self.space["finetune_epochs"]
        most = epochs.high if isinstance(epochs, Int) else int(max(epochs.grid()))
        return max(most, Params().finetune_epochs) if epochs.when else most
