"""Configs: YAML's plain values, checked, with every error at once. Nothing heavy is imported.

config         SweepConfig, and how its sections fit together
sections       each section by itself (fields: the names that settings may have)
search_checks  how search, space and objectives fit together
load           read a config, spell out its paths
yaml           YAML as data, with ``key=value`` of a command line laid over it
problems       pydantic's errors in our words
plan           what a config will do
text           a config as YAML, the starter, and the schema for editors
saved          the config that a sweep was begun with
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
