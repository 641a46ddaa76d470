"""The parameters of a trial: which there are, what each may be, and when it changes anything.

The names of methods, scopes and so on are plain tuples, so that checking a config imports nothing
heavy. The tables that implement them lie next to their code; a test holds that each table has
exactly these names.
"""

from __future__ import annotations

from dataclasses import dataclass

from sweep.space.conditions import Condition
from sweep.space.params import n_of_m
from sweep.space.values import Number, OneOf, Value

METHODS = ("l1-norm", "random", "taylor", "wanda", "lamp", "sparsegpt", "movement")
"""How a weight is scored."""

DATA_METHODS = ("taylor", "wanda", "sparsegpt")
"""Those of them that look at examples, not at the weights alone."""

LEARNED = ("movement",)
"""Those of them that score by what training did to a weight: they need a ramp."""

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

QUANTIZATIONS = ("fixed", "int8")
"""The grids that a model can be put on (`sweep.compress.quantize.scheme`)."""


@dataclass(frozen=True)
class Parameter:
    """What a parameter may be (``rule``), what it is by default, and what it means.

    A default of None is no value: what it stands for is chosen elsewhere.
    """

    rule: Number | OneOf
    default: Value | None
    help: str


_METHODS = f"{', '.join(METHODS[:-1])} or {METHODS[-1]}"
_ACTIVATIONS = " or ".join(ACTIVATION_METHODS)
_SHARE = Number(low=0, high=1, below=True)

PARAMETERS: dict[str, Parameter] = {
    "sparsity": Parameter(_SHARE, 0.5, "share of the prunable weights that become zero"),
    "method": Parameter(OneOf(METHODS), "l1-norm", f"scores of weights: {_METHODS}"),
    "scope": Parameter(OneOf(SCOPES), "local", "scores compared per matrix, over all, or per row"),
    "normalise": Parameter(
        OneOf(NORMALISATIONS), "none", "rms: each matrix's scores over their own, for scope global"
    ),
    "granularity": Parameter(
        OneOf(GRANULARITIES), "element", "2:4, 4:8: N of each M inputs stay, whatever sparsity says"
    ),
    "layer_profile": Parameter(
        OneOf(LAYER_PROFILES), "uniform", "erk: large matrices give more; scopes local and row"
    ),
    "finetune_epochs": Parameter(Number(low=0, whole=True), 1, "epochs of recovery"),
    "learning_rate": Parameter(Number(low=0, above=True), 5e-5, "peak learning rate of recovery"),
    "activation_sparsity": Parameter(_SHARE, 0.0, "share of a layer's inputs that become zero"),
    "activation_method": Parameter(
        OneOf(ACTIVATION_METHODS), "l1-norm", f"scores of activations: {_ACTIVATIONS}"
    ),
    "activation_scope": Parameter(
        OneOf(ACTIVATION_SCOPES), "local", "a sample's own threshold, or one for a layer"
    ),
    "ramp_epochs": Parameter(
        Number(low=0, whole=True),
        0,
        "epochs over which the sparsity rises, finetune_epochs at most; 0: at once",
    ),
    "distill_weight": Parameter(
        Number(low=0, high=1), None, "share of the loss that is the teacher's; null: recover's"
    ),
    "distill_temperature": Parameter(
        Number(low=0, above=True), None, "softens the teacher's answers; null: recover's"
    ),
    "quantization": Parameter(
        OneOf(("none", *QUANTIZATIONS)),
        None,
        "grid of the model that is pruned; null: what baseline.quantization says",
    ),
    "seed": Parameter(
        Number(low=0, high=2**32 - 1, whole=True),
        None,
        "of masks and batches; null: each trial's own, from search.seed; a list repeats all",
    ),
}


def _some(parent: str) -> Condition:
    return Condition(parent, unless=(0,))


_ELEMENT = Condition("granularity", ("element",))

WHEN: dict[str, tuple[Condition, ...]] = {
    "learning_rate": (_some("finetune_epochs"),),
    "method": (_some("sparsity"),),
    "scope": (_some("sparsity"), _ELEMENT),
    "normalise": (_some("sparsity"), _ELEMENT, Condition("scope", ("global",))),
    "layer_profile": (_some("sparsity"), _ELEMENT, Condition("scope", ("local", "row"))),
    "activation_method": (_some("activation_sparsity"),),
    "activation_scope": (_some("activation_sparsity"),),
    "ramp_epochs": (_some("sparsity"),),
    "distill_weight": (_some("finetune_epochs"),),
    "distill_temperature": (_some("distill_weight"),),
}
"""Parameter -> the conditions without which it changes nothing (`sweep.space.active`)."""

_N_OF_M = {name: kept for name in GRANULARITIES if (kept := n_of_m(name))}

FIXED: dict[str, tuple[str, dict[str, float]]] = {
    "sparsity": ("granularity", {name: 1 - n / m for name, (n, m) in _N_OF_M.items()})
}
"""Parameter -> the one that fixes it, and the value that each value of that one leaves it."""

TUTORIAL: dict[str, dict[str, str]] = {
    "weight": {key: key for key in ("sparsity", "method", "scope")},
    "activation": {key: f"activation_{key}" for key in ("sparsity", "method", "scope")},
}
"""The tutorial's dictionary: group -> its key -> the parameter that it means."""
