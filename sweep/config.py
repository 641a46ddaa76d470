"""The config of a sweep: YAML's plain values, checked.

`SweepConfig` is frozen and round-trips: ``model_validate(config.model_dump(mode="json"))`` equals
``config``, and the dump written as YAML is a config that runs. Reading files, overrides and the
wording of errors are in `sweep.config_io`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isinf
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from sweep import fields
from sweep.domains import Int
from sweep.names import LR_SCHEDULES, METRICS, SAMPLERS, SCHEDULERS
from sweep.problems import Problem, Refused
from sweep.space import parse_space

EMBEDDED = "digits"
"""The data set that needs no download and, without a model, trains a fresh small BERT."""


def _or(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


class Section(BaseModel):
    """What all sections have in common: unknown keys are errors, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Files(Section):
    """Local parquet, csv or jsonl files, one a split."""

    train: fields.Line = Field(description="file to finetune on")
    validation: fields.LineOrNone = Field(default=None, description="file that the search sees")
    test: fields.LineOrNone = Field(default=None, description="file read once, after the search")


def _read_dataset(raw: object) -> object:
    if isinstance(raw, Mapping | Files):
        return Files.model_validate(raw)
    try:
        return fields.TEXT.read(raw)
    except Refused:
        allowed = "a hub id, digits, or {train: FILE, validation: FILE, test: FILE}"
        raise Refused(Problem((), "is no data set", raw, allowed)) from None


def _read_columns(raw: object) -> str | tuple[str, str]:
    allowed = "the name of a column, or a list of two names"
    parts = list(raw) if isinstance(raw, list | tuple) else [raw]
    if len(parts) > 2 or (isinstance(raw, list | tuple) and len(parts) < 2):
        raise Refused(Problem((), "must be one column or two", raw, allowed))
    try:
        names = [fields.TEXT.read(part) for part in parts]
    except Refused:
        raise Refused(Problem((), "must be one column or two", raw, allowed)) from None
    return names[0] if len(names) == 1 else (names[0], names[1])


Dataset = Annotated[str | Files, BeforeValidator(_read_dataset)]
Columns = Annotated[str | tuple[str, str], BeforeValidator(_read_columns)]


class TaskConfig(Section):
    """What is learned, and what of it the search sees."""

    dataset: Dataset = Field(
        description="hub id, digits, or {train: FILE, validation: FILE, test: FILE}"
    )
    subset: fields.LineOrNone = Field(default=None, description="configuration of a hub data set")
    text: Columns = Field(default="text", description="text column, a pair of them, or auto")
    label: fields.Line = Field(default="label", description="label column, of names or integers")
    replace: dict[fields.Characters, fields.AnyText] = Field(
        default={}, description="texts replaced before tokenising"
    )
    max_length: fields.Length = Field(default=128, description="tokens; longer texts are cut")
    validation: fields.InnerShare = Field(
        default=0.1, description="share carved from train if there is no validation split"
    )
    train_samples: fields.CountOrNone = Field(default=None, description="train examples used")
    eval_samples: fields.CountOrNone = Field(default=None, description="evaluation examples used")
    seed: fields.Seed = Field(default=0, description="of the carving and of the subsets")


class BaselineConfig(Section):
    """How the dense model is finetuned, once, before anything is pruned."""

    epochs: fields.Natural = Field(default=0, description="0: the model is finetuned already")
    learning_rate: fields.Positive = Field(default=5e-5, description="peak learning rate")
    batch_size: fields.Count = Field(default=32, description="examples a step")
    weight_decay: fields.NotNegative = Field(default=0.01, description="of AdamW")
    warmup: fields.Share = Field(default=0.1, description="share of all steps that warm up")
    lr_schedule: fields.LrSchedule = Field(default="linear", description=_or(LR_SCHEDULES))
    seed: fields.Seed = Field(default=0, description="of the order, and of fresh weights")


class PruningConfig(Section):
    """Which weights can be pruned: those of every Linear and Conv layer, unless said otherwise."""

    include: list[fields.Line] = Field(
        default=[], description="patterns over module names, such as 'encoder.*'; empty: all"
    )
    exclude: list[fields.Line] = Field(default=[], description="patterns of modules left alone")
    embeddings: fields.Switch = Field(default=False, description="prune embeddings too")


class RecoverConfig(Section):
    """How a pruned model is finetuned; the learning rate and the epochs are in the space."""

    batch_size: fields.Count = Field(default=32, description="examples a step")
    eval_batch_size: fields.Count = Field(default=128, description="examples a batch")
    lr_schedule: fields.LrSchedule = Field(
        default="constant", description="or linear: then only a trial's last epoch counts"
    )
    warmup: fields.Share = Field(
        default=0.1, description="share of one epoch's steps (linear: of all steps)"
    )
    weight_decay: fields.NotNegative = Field(default=0.01, description="of AdamW")
    clip_norm: fields.Positive = Field(default=1.0, description="gradients are clipped to it")
    dropout: fields.ShareOrNone = Field(default=None, description="null: the model's own")
    bf16: fields.SwitchOrAuto = Field(default="auto", description="auto: if the hardware has it")


class SearchConfig(Section):
    """Which trials are run, and which are stopped early."""

    sampler: fields.Sampler = Field(default="tpe", description=f"proposes params: {_or(SAMPLERS)}")
    scheduler: fields.Scheduler = Field(
        default="moasha", description=f"stops trials: {_or(SCHEDULERS)}"
    )
    trials: fields.Count = Field(default=64, description="trials in all; a grid runs every point")
    seed: fields.Seed = Field(default=0, description="of the sampler and of every trial")
    max_concurrent: fields.CountOrAuto = Field(
        default="auto", description="trials at once; auto: as many as fit"
    )
    grace_period: fields.Count = Field(default=1, description="epochs before the first stop")
    reduction_factor: fields.Factor = Field(
        default=3.0,
        description="rungs lie this factor apart; about 1/factor goes on",
    )
    margin: fields.NotNegative = Field(
        default=1.0, description="standard errors of the noise by which a peer must be better"
    )
    max_failures: fields.Natural = Field(
        default=2, description="lost workers that a trial survives"
    )


class ResourcesConfig(Section):
    """What one trial takes."""

    cpu: fields.Positive = Field(default=1.0, description="cores")
    gpu: fields.NotNegative = Field(default=0.0, description="GPUs; a fraction shares one")


class SweepConfig(Section):
    """A whole sweep.

    Validated in the context ``{"single_trial": True}`` it may have a search that does not fit its
    space, since one trial has no search.
    """

    name: fields.Slug = Field(description="name of the sweep and of its folder")
    model: fields.LineOrNone = Field(
        default=None, description="hub id or folder; null (digits only): a fresh BERT"
    )
    tokenizer: fields.LineOrNone = Field(default=None, description="null: the model's own")
    task: TaskConfig = Field(description="what is learned")
    baseline: BaselineConfig = Field(default=BaselineConfig(), description="the dense model")
    pruning: PruningConfig = Field(default=PruningConfig(), description="which weights may go")
    space: fields.Space = Field(
        default_factory=lambda: parse_space({}), description="what each parameter may be"
    )
    recover: RecoverConfig = Field(default=RecoverConfig(), description="finetuning after pruning")
    objectives: fields.Objectives = Field(
        default={"accuracy": "max", "sparsity": "max"},
        description=f"each max or min; of {_or(METRICS)}",
    )
    search: SearchConfig = Field(default=SearchConfig(), description="which trials are run")
    resources: ResourcesConfig = Field(default=ResourcesConfig(), description="of one trial")
    storage: fields.Line = Field(
        default="results", description="folder that holds the results of sweeps"
    )

    @property
    def max_epochs(self) -> int:
        """The most finetune epochs that a trial can have."""
        epochs = self.space["finetune_epochs"]
        return epochs.high if isinstance(epochs, Int) else int(max(epochs.grid()))

    @model_validator(mode="after")
    def _sections_agree(self, info: ValidationInfo) -> SweepConfig:
        problems = _task_problems(self)
        if not (info.context or {}).get("single_trial"):
            problems += _search_problems(self)
        if problems:
            raise Refused(*problems)
        return self


def _task_problems(config: SweepConfig) -> list[Problem]:
    dataset, task = config.task.dataset, config.task
    problems = []
    if config.model is None and dataset != EMBEDDED:
        what = f"is required unless task.dataset is {EMBEDDED}"
        allowed = "a hub id or a folder"
        problems.append(Problem(("model",), what, None, allowed, depends=("task.dataset",)))
    if task.subset is not None and (isinstance(dataset, Files) or dataset == EMBEDDED):
        what = "is for a hub data set only"
        problems.append(
            Problem(("task", "subset"), what, task.subset, "null", depends=("task.dataset",))
        )
    return problems


def _search_problems(config: SweepConfig) -> list[Problem]:
    search, most, problems = config.search, config.max_epochs, []
    if search.scheduler != "fifo" and 0 < most < search.grace_period:
        problems.append(
            Problem(
                ("search", "grace_period"),
                f"no trial gets there: space.finetune_epochs ends at {most}",
                search.grace_period,
                f"an integer from 1 to {most}, or search.scheduler: fifo",
                depends=("search.scheduler", "space.finetune_epochs"),
            )
        )
    endless = [name for name, domain in config.space.items() if isinf(domain.size)]
    for name in endless if search.sampler == "grid" else []:
        what = "the grid sampler needs a step or a list here"
        got, depends = config.space[name].plain(), ("search.sampler",)
        problems.append(
            Problem(("space", name), what, got, "{low, high, step} or a list", depends=depends)
        )
    return problems
