"""Configs: YAML's plain values, checked, with every error at once. Nothing heavy is imported.

config         SweepConfig: all of it, the sections and how they fit
settings       its sections together (sections: each by itself; fields: types of single settings)
checks         rules between sections (search_checks: between search, space and objectives)
load           read a config, with ``key=value`` of a command line (overrides)
problems       pydantic's errors in our words
plan           what a config will do
text           a config as YAML, the starter, and the schema for editors
paths          the files and folders that a config names
"""

from sweep.config.config import SweepConfig
from sweep.config.sections import (
    CLOSED_FORM,
    EMBEDDED,
    BaselineConfig,
    Files,
    RecoverConfig,
    ResourcesConfig,
    SearchConfig,
    TaskConfig,
)

__all__ = [
    "CLOSED_FORM",
    "EMBEDDED",
    "BaselineConfig",
    "Files",
    "RecoverConfig",
    "ResourcesConfig",
    "SearchConfig",
    "SweepConfig",
    "TaskConfig",
]
