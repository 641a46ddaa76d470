"""Configs: YAML's plain values, checked, with every error at once. Nothing heavy is imported.

settings    SweepConfig: all of it
sections    its sections, with defaults and descriptions
fields      types of single settings (readers: those of `search` that are more than a value)
checks      rules between settings
problems    pydantic's errors in our words
overrides   ``key=value`` of a command line
io          read a config, resolve it, write it
text        the starter, and the schema for editors
"""

from sweep.config.sections import (
    BaselineConfig,
    Files,
    RecoverConfig,
    ResourcesConfig,
    SearchConfig,
    TaskConfig,
)
from sweep.config.settings import CLOSED_FORM, EMBEDDED, SweepConfig

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
