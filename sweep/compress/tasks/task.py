"""The interface of a task: examples, the model that learns them, the loss, the primary metric."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from sweep.config.sections import TaskConfig
from sweep.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

SPLITS = ("train", "validation", "test")

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.integer]


class Examples(Protocol):
    """The encoded examples of a split, such as `sweep.compress.tasks.split.Split`."""

    @property
    def labels(self) -> Array:
        """The labels (examples, ...), with which metrics compare the answers."""

    def __len__(self) -> int: ...

    def batch(self, indices: Ints) -> dict[str, Array]:
        """Return the model's inputs by name (batch, ...), and ``labels``, of some examples."""

    def in_order(self, batch_size: int) -> Iterator[Ints]:
        """Yield the indices of all examples once, in batches of at most ``batch_size``."""

    def shuffled(self, batch_size: int, generator: np.random.Generator) -> list[Ints]:
        """Return batches in a random order that depends only on the generator."""


class Task(ABC):
    """The base class of tasks: examples, model, loss and primary metric.

    A subclass defines :attr:`key`, :meth:`read` and :meth:`load`, and optionally :meth:`fresh`. It
    is registered by a row of ``TASKS``, by `sweep.register_task` or by an entry point
    ``prunesweep.tasks``. ``settings`` is the section ``task`` of the config, with the task's own
    settings in ``settings.options``; ``model`` and ``tokenizer`` are as in the config. A config
    with ``baseline.new_head`` is refused for tasks of other packages. Raises
    :class:`~sweep.errors.UsageError` if a setting, the model or the data cannot be used.
    """

    metric: ClassVar[str] = "accuracy"
    """The name of the primary metric if ``task.metric`` does not set it."""

    label_names: tuple[str, ...] = ()
    """The names of the classes in the order of their ids, for an exported model."""

    carved = False
    """Whether validation is a part of train, which a finetuned model may have seen."""

    def __init__(
        self,
        settings: TaskConfig,
        model: str | None,
        tokenizer: str | None,
        new_head: bool = False,
    ) -> None:
        self.new_head = new_head
        self.settings, self.model, self.tokenizer = settings, model, tokenizer
        self._read = cache(self.read)

    @property
    @abstractmethod
    def key(self) -> str:
        """A key of all that the examples depend on, for caches of dense models and figures."""

    @abstractmethod
    def read(self, name: str) -> Examples:
        """Read a split: train, validation or test. It is called once per split, when needed.

        Raises :class:`~sweep.errors.UsageError` if the data has no such split.
        """

    @abstractmethod
    def load(self, name: str, seed: int = 0, setting: str = "model") -> nn.Module:
        """Load a model from a folder or the hub, on the CPU, in float32, that fits the examples.

        The model takes the inputs of a batch by name, returns an object with ``logits``, and has
        ``save_pretrained``. A missing head is drawn from ``seed``. ``setting`` is the config
        setting for messages. Raises :class:`~sweep.errors.UsageError` if the model does not fit.
        """

    def open(self, name: str, seed: int = 0, setting: str = "model") -> nn.Module:
        """:meth:`load` a model, with Linear layers in place of transformers' ``Conv1D``."""
        from sweep.compress.conv1d import as_linears

        return as_linears(self.load(name, seed, setting))

    def fresh(self, seed: int) -> nn.Module:
        """Make a model with weights drawn from ``seed``, for a config without ``model``."""
        raise UsageError(
            f"the task {self.settings.name} needs a model: set `model` to a hub id or a folder"
        )

    def is_trained(self, model: nn.Module) -> bool:
        """Whether a model that :meth:`load` returned has a trained head."""
        return True

    def same_inputs(self, teacher: str) -> bool:
        """Whether a teacher takes the same inputs as the model, that is, has its tokenizer."""
        return True

    def save_beside(self, folder: Path) -> None:  # noqa: B027
        """Write further files of an exported model, such as a tokenizer."""

    def shared_rows(self, split: str) -> dict[str, dict[str, int]]:
        """Return, by the split that has them too, counts of the examples of ``split`` in it.

        Of validation they are those that train has; of test, those that train and validation have.
        The counts are those of `sweep.compress.tasks.split.shared_rows`; a split that shares
        nothing is omitted.
        """
        return {}

    def texts(self, split: str) -> dict[str, int]:
        """Return counts of the texts of a whole split (`sweep.compress.tasks.encode.Encoder`).

        They are ``examples``, ``tokens``, ``unknown``, ``cut`` and ``empty``; nothing if unknown.
        """
        return {}

    def warnings_on(self, split: str) -> list[str]:
        """Return what a reader of figures on ``split`` must know about its examples."""
        return []

    @property
    def warnings(self) -> list[str]:
        """What a reader of the figures of a search must know about the examples."""
        return [*self.warnings_on("train"), *self.warnings_on("validation")]

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of a batch, a scalar, from its logits and labels."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(logits, labels)

    def answers(self, logits: Array) -> Array:
        """Convert logits (examples, ...) to answers in the form of the labels."""
        return np.asarray(logits.argmax(-1))

    def split(self, name: str) -> Examples:
        """Return the split ``train``, ``validation`` or ``test``; each is read once."""
        if name not in SPLITS:
            raise UsageError(f"a split is one of {', '.join(SPLITS)}, got {name!r}")
        return self._read(name)

    @property
    def train(self) -> Examples:
        """The train split."""
        return self.split("train")
