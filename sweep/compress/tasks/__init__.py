"""Tasks: examples in train, validation and test splits, and the model that learns them.

``TASKS`` has the built-in tasks by name: subclasses of :class:`Task`, or, for a task without a
model (a formula), a class that makes its own bench from the config.
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
