"""A regression task on scikit-learn's diabetes data: the progression of the disease in a year.

There are 442 patients with ten features and one target (Efron et al. 2004). Half of the patients
are train, a quarter each are validation and test.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from sweep import Task, UsageError

STREAM = {"train": slice(0, 221), "validation": slice(221, 331), "test": slice(331, 442)}


class Rows:
    """The rows of a split: ``features`` (rows, 10) and ``labels`` (rows,), both float32."""

    def __init__(self, features: Any, labels: Any) -> None:
        self.features, self.labels = features, labels

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: Any) -> dict[str, Any]:
        return {"features": self.features[indices], "labels": self.labels[indices]}

    def in_order(self, batch_size: int) -> Iterator[Any]:
        for start in range(0, len(self), batch_size):
            yield np.arange(start, min(start + batch_size, len(self)))

    def shuffled(self, batch_size: int, generator: np.random.Generator) -> list[Any]:
        order = generator.permutation(len(self))
        return [order[start : start + batch_size] for start in range(0, len(self), batch_size)]


class MlpConfig(PretrainedConfig):
    """The settings of the model: its width."""

    model_type = "prunesweep-plugin-mlp"
    width = 64


class Mlp(PreTrainedModel):
    """A network with two hidden layers, from the ten features to the answer."""

    config_class = MlpConfig

    def __init__(self, config: MlpConfig) -> None:
        super().__init__(config)
        self.first = nn.Linear(10, config.width)
        self.second = nn.Linear(config.width, config.width)
        self.head = nn.Linear(config.width, 1)
        self.post_init()

    def forward(self, features: Tensor) -> SequenceClassifierOutput:
        hidden = self.second(self.first(features).relu()).relu()
        return SequenceClassifierOutput(logits=self.head(hidden))


class Diabetes(Task):
    """``task: {kind: diabetes, dataset: diabetes}``, optionally with ``options: {width: 64}``."""

    metric = "rmse"

    @property
    def key(self) -> str:
        return f"diabetes-1-{self.settings.seed}-{self.settings.options.get('width')}"

    def read(self, name: str) -> Rows:
        from sklearn.datasets import load_diabetes

        features, labels = load_diabetes(return_X_y=True)
        order = np.random.default_rng(self.settings.seed).permutation(len(labels))
        train = order[STREAM["train"]]
        chosen = order[STREAM[name]]

        def scaled(values: Any) -> Any:
            return ((values[chosen] - values[train].mean(0)) / values[train].std(0)).astype("f4")

        return Rows(scaled(features), scaled(labels))

    def fresh(self, seed: int) -> Mlp:
        width = self.settings.options.get("width", MlpConfig.width)
        if not isinstance(width, int) or width < 1:
            raise UsageError(f"task.options.width: must be an integer >= 1, got {width!r}")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return Mlp(MlpConfig(width=width))

    def load(self, name: str, seed: int = 0, setting: str = "model") -> Mlp:
        try:
            return Mlp.from_pretrained(name)
        except (OSError, ValueError) as error:
            raise UsageError(f"{setting} {name!r} cannot be loaded: {error}") from error

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return mse_loss(logits.squeeze(-1), labels.to(logits.dtype))

    def answers(self, logits: Any) -> Any:
        return logits.squeeze(-1)
