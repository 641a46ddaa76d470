"""Tasks: examples as train / validation / test splits, and the model that learns them.

``TASKS`` has the built-in ones by name. A row is a subclass of :class:`Task`, or, where there is
nothing to train (a formula), a whole bench of its own, made of the config.
"""

from typing import Any

from sweep.compress.tasks.classification import Digits, TextClassification
from sweep.compress.tasks.closed_form import ClosedForm
from sweep.compress.tasks.split import Split
from sweep.compress.tasks.task import Examples, Task

TASKS: dict[str, Any] = {
    "classification": TextClassification,
    "digits": Digits,
    "closed-form": ClosedForm,
}

__all__ = ["TASKS", "ClosedForm", "Examples", "Split", "Task"]
