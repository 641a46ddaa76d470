"""Configs: YAML's plain values, checked, with every error at once. Nothing heavy is imported.

settings    the sections and SweepConfig, with defaults and descriptions
fields      types of single settings (readers: those of `search` that are more than a value)
checks      rules between settings
problems    pydantic's errors in our words
overrides   ``key=value`` of a command line
io          read a config, resolve it, write it
text        the starter, and the schema for editors
"""

from sweep.config.settings import (
    CLOSED_FORM,
    EMBEDDED,
    BaselineConfig,
    Files,
    RecoverConfig,
    ResourcesConfig,
    SearchConfig,
    SweepConfig,
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
