"""The config of a sweep: YAML's plain values, checked.

`SweepConfig` is frozen and round-trips: ``model_validate(config.model_dump(mode="json"))`` equals
``config``, and the dump written as YAML is a config that runs. Reading files, overrides and the
wording of errors are in `sweep.config.load`.
"""

from __future__ import annotations

from pydantic import Field, ValidationInfo, model_validator

from sweep.config import fields
from sweep.config.checks import (
    distill_problems,
    formula_problems,
    metric_problems,
    quantization_problems,
    resource_problems,
    search_problems,
    start_problems,
    task_problems,
)
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
from sweep.space.parameters import METRICS
from sweep.space.params import Params
from sweep.space.parse import parse_space
from sweep.space.values import Refused

EMBEDDED = "digits"
"""The data set that needs no download and, without a model, trains a fresh small BERT."""

CLOSED_FORM = "closed-form"
"""The task that is a formula: no data, no model, no torch (`sweep.compress.tasks`)."""


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

    @model_validator(mode="after")
    def _sections_agree(self, info: ValidationInfo) -> SweepConfig:
        problems = task_problems(self, (EMBEDDED, CLOSED_FORM))
        problems += formula_problems(self, self.task.dataset == CLOSED_FORM)
        problems += metric_problems(self)
        problems += resource_problems(self)
        problems += start_problems(self)
        problems += distill_problems(self)
        problems += quantization_problems(self)
        if not (info.context or {}).get("single_trial"):
            problems += search_problems(self)
        if problems:
            raise Refused(*problems)
        return self
