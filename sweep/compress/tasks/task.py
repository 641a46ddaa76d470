"""What a task is: examples, the model that learns them, its loss and its primary metric."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from sweep.config import TaskConfig
from sweep.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

SPLITS = ("train", "validation", "test")

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.integer]


class Examples(Protocol):
    """The encoded examples of a split; `sweep.compress.tasks.split.Split` is one of token ids."""

    @property
    def labels(self) -> Array:
        """What is to be answered (examples, ...): what metrics compare answers with."""

    def __len__(self) -> int: ...

    def batch(self, indices: Ints) -> dict[str, Array]:
        """The model's inputs by name (batch, ...), and ``labels``, for some examples."""

    def in_order(self, batch_size: int) -> Iterator[Ints]:
        """The indices of all examples once, in batches of at most ``batch_size``."""

    def shuffled(self, batch_size: int, generator: np.random.Generator) -> list[Ints]:
        """The same in a random order: the same generator gives the same batches."""


class Task(ABC):
    """What a model learns, and how it is judged.

    A subclass gives :attr:`key`, :meth:`read` and :meth:`load`, and where it can :meth:`fresh`; it
    is registered by a row of ``TASKS``, by `sweep.register_task` or by an entry point
    ``prunesweep.tasks``. ``settings`` is the section ``task`` of the config (``settings.options``
    has what only this task knows); ``model`` and ``tokenizer`` are as in the config. Raises
    :class:`~sweep.errors.UsageError` for what cannot be used.
    """

    metric: ClassVar[str] = "accuracy"
    """The name of the primary metric, unless ``task.metric`` names another."""

    label_names: tuple[str, ...] = ()
    """The names of classes in the order of their ids, for an exported model."""

    carved = False
    """Whether validation was cut out of train, which a model finetuned on that train has seen."""

    def __init__(self, settings: TaskConfig, model: str | None, tokenizer: str | None) -> None:
        self.settings, self.model, self.tokenizer = settings, model, tokenizer
        self._read = cache(self.read)

    @property
    @abstractmethod
    def key(self) -> str:
        """What the examples depend on: dense models and figures are cached under it."""

    @abstractmethod
    def read(self, name: str) -> Examples:
        """Read a split: train, validation or test. Called once a split; test only if asked for.

        Raises :class:`~sweep.errors.UsageError` where the data has no such split.
        """

    @abstractmethod
    def load(self, name: str, seed: int = 0, setting: str = "model") -> nn.Module:
        """A model from a folder or the hub, on the CPU, in float32, that fits the examples.

        Called with the inputs of a batch by name it returns an object with ``logits``, and it has
        ``save_pretrained``. Weights that it lacks are drawn from ``seed``. ``setting`` is the
        setting that named it. Raises :class:`~sweep.errors.UsageError` for one that does not fit.
        """

    def fresh(self, seed: int) -> nn.Module:
        """A model with weights drawn from ``seed``, for a config without ``model``."""
        raise UsageError(f"the task {self.settings.name} needs a model: a hub id or a folder")

    def is_trained(self, model: nn.Module) -> bool:
        """Whether the answers of a model that :meth:`load` gave mean anything untrained."""
        return True

    def same_inputs(self, teacher: str) -> bool:
        """Whether a teacher reads the same inputs as the model: it has the same tokenizer."""
        return True

    def save_beside(self, folder: Path) -> None:  # noqa: B027
        """Write what belongs to an exported model beside its weights, such as a tokenizer."""

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of a batch, a scalar, given its logits and its labels."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(logits, labels)

    def answers(self, logits: Array) -> Array:
        """What the logits (examples, ...) answer, in the form of the labels."""
        return np.asarray(logits.argmax(-1))

    def split(self, name: str) -> Examples:
        """One of ``train``, ``validation``, ``test``, read once."""
        if name not in SPLITS:
            raise UsageError(f"a split is one of {', '.join(SPLITS)}, got {name!r}")
        return self._read(name)

    @property
    def train(self) -> Examples:
        """The train split."""
        return self.split("train")
