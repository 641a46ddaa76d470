"""The parameters of a trial: the one place that says which there are, and what each may be."""

from __future__ import annotations

from dataclasses import dataclass

from sweep.space.names import (
    ACTIVATION_METHODS,
    ACTIVATION_SCOPES,
    GRANULARITIES,
    LAYER_PROFILES,
    METHODS,
    NORMALISATIONS,
    QUANTIZATIONS,
    SCOPES,
)
from sweep.space.values import Number, OneOf, Value


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
        Number(low=0, whole=True), 0, "epochs over which the sparsity rises; 0: at once"
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

TUTORIAL: dict[str, dict[str, str]] = {
    "weight": {key: key for key in ("sparsity", "method", "scope")},
    "activation": {key: f"activation_{key}" for key in ("sparsity", "method", "scope")},
}
"""The tutorial's dictionary: group -> its key -> the parameter that it means."""
