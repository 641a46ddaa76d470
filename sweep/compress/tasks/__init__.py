"""A data set as tokenised train / validation / test splits."""

from sweep.compress.tasks.split import Split
from sweep.compress.tasks.task import Task, load_task

__all__ = ["Split", "Task", "load_task"]
