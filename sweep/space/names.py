"""The names that a config may use, as light tuples: nothing heavy is imported to check a config.

The tables that implement them (pruning methods, samplers, schedulers) live next to their code;
a test holds that each table has exactly these names.
"""

from __future__ import annotations

METHODS = ("l1-norm", "random", "taylor", "wanda", "lamp", "sparsegpt", "movement")
"""How a weight is scored."""

DATA_METHODS = ("taylor", "wanda", "sparsegpt")
"""Those of them that look at examples, not at the weights alone."""

SCOPES = ("local", "global", "row")
"""Which scores are compared with which: within one matrix, across all, within one output's row."""

NORMALISATIONS = ("none", "rms")
"""What a matrix's scores are divided by before scope ``global`` compares them with others'."""

GRANULARITIES = ("element", "2:4", "4:8")
"""What is kept: any weights, or N of each M consecutive inputs of a row."""

LAYER_PROFILES = ("uniform", "erk")
"""How sparsity is shared out among the matrices, where scores do not decide that."""

ACTIVATION_METHODS = ("l1-norm", "random")
"""How an activation is scored."""

ACTIVATION_SCOPES = ("local", "global")
"""A threshold a token, or one a layer."""

SAMPLERS = ("auto", "ehvi", "tpe", "nsga2", "gp", "random", "grid")
"""What proposes params; ``auto`` is ehvi where the objectives allow that, else tpe."""

SCHEDULERS = ("moasha", "fifo")
"""What stops trials early; ``fifo`` stops none."""

LR_SCHEDULES = ("constant", "linear")
"""How a learning rate moves over the steps; only ``constant`` does not depend on the horizon."""

EXTRA_METRICS = ("f1", "matthews")
"""The figures that a record has only where ``task.metrics`` asks for them."""

METRICS = (
    "accuracy",
    "loss",
    "sparsity",
    "model_sparsity",
    "nonzero_params",
    "size_bytes",
    "accuracy_drop",
    "seconds",
    "train_seconds",
    "eval_seconds",
    "epoch",
    *EXTRA_METRICS,
)
"""The figures of a record that can be an objective."""

START_MASKS = ("drop", "keep")
"""What becomes of the masks that an exported model brings along."""

QUANTIZATIONS = ("fixed", "int8")
"""The grids that a model can be put on (`sweep.compress.quantize.scheme`)."""

DIRECTIONS = ("max", "min")
"""Where an objective should go."""
