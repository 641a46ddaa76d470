"""The settings of a sweep, section by section; `sweep.config.config` says how they must fit."""

from __future__ import annotations

from pydantic import Field

from sweep.config import fields
from sweep.config.fields import METRICS
from sweep.config.sections import (
    BaselineConfig,
    PruningConfig,
    RecoverConfig,
    ResourcesConfig,
    SearchConfig,
    Section,
    TaskConfig,
    one_of,
)
from sweep.space.domains import Int
from sweep.space.params import Params
from sweep.space.parse import parse_space

EMBEDDED = "digits"
"""The data set that needs no download and, without a model, trains a fresh small BERT."""

CLOSED_FORM = "closed-form"
"""The task that is a formula: no data, no model, no torch (`sweep.compress.tasks`)."""


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
    space: fields.Space = Field(
        default_factory=lambda: parse_space({}), description="what each parameter may be"
    )
    recover: RecoverConfig = Field(default=RecoverConfig(), description="finetuning after pruning")
    objectives: fields.Objectives = Field(
        default={"accuracy": "max", "sparsity": "max"},
        description=f"each max or min; of {one_of(METRICS)}",
    )
    search: SearchConfig = Field(default=SearchConfig(), description="which trials are run")
    resources: ResourcesConfig = Field(default=ResourcesConfig(), description="of one trial")
    storage: fields.Line = Field(
        default="results", description="folder of sweeps, or s3:// or gs:// address"
    )

    @property
    def max_epochs(self) -> int:
        """The most finetune epochs that a trial can have."""
        epochs = self.space["finetune_epochs"]
        most = epochs.high if isinstance(epochs, Int) else int(max(epochs.grid()))
        return max(most, Params().finetune_epochs) if epochs.when else most
