"""The parameters of a trial: their names, their values, and when they have an effect.

The names of scopes and other options are plain tuples, so that checking a config imports no heavy
package. The tables that implement them are next to their code, and a test checks that each table
has exactly these names. Methods and granularities are in `sweep.registry`, where packages can add
more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import inf
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from sweep.errors import ConfigError, UsageError
from sweep.registry import CRITERIA, STRUCTURES
from sweep.space import types
from sweep.space.domains import Condition
from sweep.space.explain import problems_of
from sweep.space.types import OneOf
from sweep.space.values import one_of

MOVEMENT = "movement"
"""The statistic of methods that score a weight by its changes in training (`CRITERIA`)."""


def is_learned(method: str) -> bool:
    """Whether a method scores weights by their changes in training and so needs a ramp."""
    return bool(CRITERIA.fact(method) == MOVEMENT)


def needs_data(method: str) -> bool:
    """Whether a method needs examples before it prunes, not only the weights."""
    return CRITERIA.fact(method) not in ("none", MOVEMENT)


SCOPES = ("local", "global", "row")
"""Scores are compared within a matrix, across all matrices, or within the row of an output."""

NORMALISATIONS = ("none", "rms")
"""How scores of a matrix are scaled before scope ``global`` compares them with other matrices."""

LAYER_PROFILES = ("uniform", "erk")
"""How sparsity is distributed over matrices if the scope does not compare them."""

ACTIVATION_METHODS = ("l1-norm", "random")
"""How activations are scored."""

ACTIVATION_SCOPES = ("local", "global")
"""One threshold per token, or one per layer."""

QUANTIZATIONS = ("fixed", "int8")
"""The grids of a quantised model (`sweep.compress.quantize.scheme`)."""


FIDELITY = "finetune_epochs"
"""The parameter that counts epochs: a trial gives a record after each of them."""


def longest_ramp(finetune_epochs: float = inf, granularity: str = "element") -> float:
    """The most epochs of a trial's ramp: all of its finetune epochs.

    0 for a structure with a fixed sparsity, such as N:M, which cannot increase in steps.
    """
    return finetune_epochs if STRUCTURES.fact(granularity) is None else 0


class Parameter(NamedTuple):
    """The pydantic type of a parameter's values (names, or numbers), and its meaning."""

    type: Any
    help: str


@dataclass(frozen=True)
class Params:
    """The parameters of one trial.

    ``sparsity`` and ``activation_sparsity`` are in [0, 1). ``finetune_epochs`` counts passes over
    the train split. ``learning_rate`` is the peak of its schedule. ``method`` scores weights,
    ``scope`` selects the weights that are compared, and ``normalise`` and ``layer_profile``
    distribute ``sparsity`` over matrices; with ``granularity`` N:M only ``method`` has an effect.
    ``ramp_epochs`` spreads the pruning over epochs (`sweep.compress.loop`); it is reduced to
    :func:`longest_ramp` if it is longer. ``distill_weight`` in [0, 1] and ``distill_temperature``
    > 0 are those of `sweep.compress.train`; None: the values of ``recover.distill``.
    ``quantization`` is the grid of the dense model (none, fixed, int8); None: the value of
    ``baseline.quantization``. ``seed`` is for masks, batches and dropout; None: the sweep sets it.

    Raises :class:`~sweep.errors.ConfigError` with one line for each wrong value.
    """

    sparsity: Annotated[types.Share, "share of the prunable weights that become zero"] = 0.5
    method: Annotated[str, OneOf(CRITERIA), f"scores of weights: {one_of([*CRITERIA.builtin])}"] = (
        "l1-norm"
    )
    scope: Annotated[
        str, OneOf(SCOPES), "compare scores per matrix, over all matrices, or per row"
    ] = "local"
    normalise: Annotated[
        str,
        OneOf(NORMALISATIONS),
        "rms: divide scores by the RMS of their matrix, for scope global",
    ] = "none"
    granularity: Annotated[
        str, OneOf(STRUCTURES), "2:4, 4:8: keep N of each M inputs, whatever the sparsity is"
    ] = "element"
    layer_profile: Annotated[
        str, OneOf(LAYER_PROFILES), "erk: prune large matrices more; for scopes local and row"
    ] = "uniform"
    finetune_epochs: Annotated[types.Natural, "epochs of recovery"] = 1
    learning_rate: Annotated[types.Positive, "peak learning rate of recovery"] = 5e-5
    activation_sparsity: Annotated[types.Share, "share of a layer's inputs that become zero"] = 0.0
    activation_method: Annotated[
        str, OneOf(ACTIVATION_METHODS), f"scores of activations: {one_of(ACTIVATION_METHODS)}"
    ] = "l1-norm"
    activation_scope: Annotated[
        str, OneOf(ACTIVATION_SCOPES), "one threshold per token, or one per layer"
    ] = "local"
    ramp_epochs: Annotated[
        types.Natural,
        "epochs over which the sparsity rises, at most finetune_epochs; 0: prune at once",
    ] = 0
    distill_weight: Annotated[
        types.WholeShare | None, "the teacher's share of the loss; null: as in recover.distill"
    ] = None
    distill_temperature: Annotated[
        types.Positive | None, "softens the teacher's answers; null: as in recover.distill"
    ] = None
    quantization: Annotated[
        Annotated[str, OneOf(("none", *QUANTIZATIONS))] | None,
        "grid of the dense model; null: as in baseline.quantization",
    ] = None
    seed: Annotated[
        types.Seed | None,
        "seed of masks and batches; null: from search.seed; a list: repeat every point",
    ] = None

    def __post_init__(self) -> None:
        self.__dict__.update(_checked(self.__dict__))  # the class is frozen
        longest = int(longest_ramp(self.finetune_epochs, self.granularity))
        self.__dict__["ramp_epochs"] = min(self.ramp_epochs, longest)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Params:
        """Convert flat parameters, or the tutorial's ``{"weight": {...}, "activation": {...}}``.

        Raises :class:`~sweep.errors.UsageError` for an unknown name.

        >>> Params.of({"weight": {"sparsity": 0.7, "method": "random", "scope": "global"}}).scope
        'global'
        """
        flat = {key: value for key, value in values.items() if key not in TUTORIAL}
        for group, prefix in (("weight", ""), ("activation", "activation_")):
            flat |= {f"{prefix}{key}": value for key, value in (values.get(group) or {}).items()}
        if unknown := sorted(set(flat) - set(PARAMETERS)):
            raise UsageError(
                f"unknown parameter {unknown[0]!r}; allowed: {', '.join(sorted(PARAMETERS))}"
            )
        return cls(**flat)

    def to_dict(self) -> dict[str, Any]:
        """The flat form that the ledger has."""
        return asdict(self)


_HINTS = get_type_hints(Params, include_extras=True)
_TYPES: TypeAdapter[dict[str, Any]] = TypeAdapter(TypedDict("Params", _HINTS))  # type: ignore


def _parameter(hint: Any) -> Parameter:
    inner, *_, about = get_args(hint)
    return Parameter(next(iter(get_args(inner)), hint), about)  # X of Annotated[X | None, about]


PARAMETERS = {name: _parameter(hint) for name, hint in _HINTS.items()}
"""All parameters, in the order of a space."""


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The values of all parameters, converted to their types."""
    try:
        return _TYPES.validate_python(values)
    except ValidationError as error:
        problems = problems_of(error, _TYPES.json_schema())
    raise ConfigError([problem.line for problem in problems], "the parameters of the trial")


DEFAULTS = Params().to_dict()
"""The default of each parameter. None: other settings decide."""


def chosen_by(params: Mapping[str, Any]) -> str:
    """A short text for which weights are compared, from all or some params of a trial.

    >>> chosen_by({"scope": "global", "normalise": "rms"}), chosen_by({"granularity": "2:4"})
    ('global rms', '2:4')
    """
    whole = {**DEFAULTS, **params}
    if whole["granularity"] != "element":
        return str(whole["granularity"])
    also = "normalise" if whole["scope"] == "global" else "layer_profile"
    plain = whole[also] == DEFAULTS[also]
    return str(whole["scope"]) if plain else f"{whole['scope']} {whole[also]}"


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
"""Parameter -> the conditions under which it has an effect (`sweep.space.active`)."""

FIXED: dict[str, tuple[str, Callable[[str], Any]]] = {"sparsity": ("granularity", STRUCTURES.fact)}
"""Parameter -> its parent, and a function from the parent's value to the fixed value or None."""

TUTORIAL: dict[str, dict[str, str]] = {
    "weight": {key: key for key in ("sparsity", "method", "scope")},
    "activation": {key: f"activation_{key}" for key in ("sparsity", "method", "scope")},
}
"""The tutorial's dictionary: group -> key -> parameter."""
