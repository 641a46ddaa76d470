"""Load and check configs. All errors are reported at once, and no heavy package is imported.

config    SweepConfig, and the checks between its sections
sections  the sections and their settings (fields: the types of settings)
load      load a config, also that of a ledger; make its paths absolute
yaml      parse YAML, apply ``key=value`` overrides
plan      the trials and epochs that a config will run
text      write a config as YAML, the starter config, and the schema for editors
"""

from sweep.config.config import SweepConfig

__all__ = ["SweepConfig"]
