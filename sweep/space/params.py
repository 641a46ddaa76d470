"""The parameters of a trial: which there are, what each may be, and when it changes anything.

The names of scopes and so on are plain tuples, so that checking a config imports nothing heavy. The
tables that implement them lie next to their code; a test holds that each table has exactly these
names. Those of methods and granularities are in `sweep.registry`: packages may add more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from math import inf
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from sweep.errors import ConfigError, UsageError
from sweep.registry import CRITERIA, STRUCTURES
from sweep.space import types
from sweep.space.conditions import Condition
from sweep.space.explain import problem_of
from sweep.space.types import OneOf
from sweep.space.values import one_of

MOVEMENT = "movement"
"""What a method needs that scores by what training did to a weight (`sweep.registry.CRITERIA`)."""


def is_learned(method: str) -> bool:
    """Whether a method scores by what training did to a weight: it needs a ramp."""
    return bool(CRITERIA.fact(method) == MOVEMENT)


def needs_data(method: str) -> bool:
    """Whether a method looks at examples before it prunes, not at the weights alone."""
    return CRITERIA.fact(method) not in ("none", MOVEMENT)


SCOPES = ("local", "global", "row")
"""Which scores are compared with which: within one matrix, across all, within one output's row."""

NORMALISATIONS = ("none", "rms")
"""What a matrix's scores are divided by before scope ``global`` compares them with others'."""

LAYER_PROFILES = ("uniform", "erk")
"""How sparsity is shared out among the matrices, where scores do not decide that."""

ACTIVATION_METHODS = ("l1-norm", "random")
"""How an activation is scored."""

ACTIVATION_SCOPES = ("local", "global")
"""A threshold a token, or one a layer."""

QUANTIZATIONS = ("fixed", "int8")
"""The grids that a model can be put on (`sweep.compress.quantize.scheme`)."""


FIDELITY = "finetune_epochs"
"""The parameter that counts epochs: records of a trial come after each of them."""


def longest_ramp(finetune_epochs: float = inf, granularity: str = "element") -> float:
    """The most epochs that a trial's ramp can take: all that it has.

    0 for a structure of one sparsity, such as N:M: there is no less of it to begin with.
    """
    return finetune_epochs if STRUCTURES.fact(granularity) is None else 0


@dataclass(frozen=True)
class Parameter:
    """What a parameter may be (``rule``: names, or a type of numbers), and what it means."""

    rule: OneOf | Any
    help: str

    @property
    def type(self) -> Any:
        """The type of one value of it, for pydantic."""
        return Annotated[str, self.rule] if isinstance(self.rule, OneOf) else self.rule


def _of(default: Any, rule: OneOf | Any, help: str) -> Any:
    return field(default=default, metadata={"parameter": Parameter(rule, help)})


@dataclass(frozen=True)
class Params:
    """The parameters of one trial.

    ``sparsity`` and ``activation_sparsity`` are in [0, 1); ``finetune_epochs`` counts whole passes
    over the train split; ``learning_rate`` is the peak of its schedule. ``method`` says how
    weights are scored, ``scope`` which of them are compared with which, ``normalise`` and
    ``layer_profile`` how matrices share ``sparsity`` out; under ``granularity`` N:M none of these
    but ``method`` counts. ``ramp_epochs`` (whole) spreads the pruning (`sweep.compress.loop`); one
    above :func:`longest_ramp` is shortened to that. ``distill_weight`` in [0, 1] and
    ``distill_temperature`` > 0 are those of `sweep.compress.train`; None: as ``recover.distill``
    says. ``quantization`` is the grid of the dense model that is pruned (none, fixed, int8); None:
    what ``baseline.quantization`` says. ``seed`` is that of masks, batches and dropout; None:
    whoever runs the trial gives one.
    """

    sparsity: float = _of(0.5, types.Share, "share of the prunable weights that become zero")
    method: str = _of(
        "l1-norm", OneOf(CRITERIA), f"scores of weights: {one_of([*CRITERIA.builtin])}"
    )
    scope: str = _of("local", OneOf(SCOPES), "scores compared per matrix, over all, or per row")
    normalise: str = _of(
        "none", OneOf(NORMALISATIONS), "rms: each matrix's scores over their own, for scope global"
    )
    granularity: str = _of(
        "element", OneOf(STRUCTURES), "2:4, 4:8: N of each M inputs stay, whatever sparsity says"
    )
    layer_profile: str = _of(
        "uniform", OneOf(LAYER_PROFILES), "erk: large matrices give more; scopes local and row"
    )
    finetune_epochs: int = _of(1, types.Natural, "epochs of recovery")
    learning_rate: float = _of(5e-5, types.Positive, "peak learning rate of recovery")
    activation_sparsity: float = _of(0.0, types.Share, "share of a layer's inputs that become zero")
    activation_method: str = _of(
        "l1-norm", OneOf(ACTIVATION_METHODS), f"scores of activations: {one_of(ACTIVATION_METHODS)}"
    )
    activation_scope: str = _of(
        "local", OneOf(ACTIVATION_SCOPES), "a sample's own threshold, or one for a layer"
    )
    ramp_epochs: int = _of(
        0,
        types.Natural,
        "epochs over which the sparsity rises, finetune_epochs at most; 0: at once",
    )
    distill_weight: float | None = _of(
        None, types.WholeShare, "share of the loss that is the teacher's; null: recover's"
    )
    distill_temperature: float | None = _of(
        None, types.Positive, "softens the teacher's answers; null: recover's"
    )
    quantization: str | None = _of(
        None,
        OneOf(("none", *QUANTIZATIONS)),
        "grid of the model that is pruned; null: what baseline.quantization says",
    )
    seed: int | None = _of(
        None,
        types.Seed,
        "of masks and batches; null: each trial's own, from search.seed; a list repeats all",
    )

    def __post_init__(self) -> None:
        self.__dict__.update(_checked(self.__dict__))  # the class is frozen
        longest = int(longest_ramp(self.finetune_epochs, self.granularity))
        self.__dict__["ramp_epochs"] = min(self.ramp_epochs, longest)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Params:
        """Read flat parameters, or the tutorial's ``{"weight": {...}, "activation": {...}}``.

        Raises :class:`~sweep.errors.UsageError` for a name that no trial knows.

        >>> Params.of({"weight": {"sparsity": 0.7, "method": "random", "scope": "global"}}).scope
        'global'
        """
        flat = {key: value for key, value in values.items() if key not in ("weight", "activation")}
        flat |= dict(values.get("weight") or {})
        flat |= {
            f"activation_{key}": value for key, value in (values.get("activation") or {}).items()
        }
        if unknown := sorted(set(flat) - set(PARAMETERS)):
            raise UsageError(
                f"unknown parameter {unknown[0]!r}; allowed: {', '.join(sorted(PARAMETERS))}"
            )
        return cls(**flat)

    def to_dict(self) -> dict[str, Any]:
        """The flat form, as the ledger keeps it."""
        return asdict(self)


PARAMETERS: dict[str, Parameter] = {
    each.name: each.metadata["parameter"] for each in fields(Params)
}
"""In the order in which a space has them."""


def _type_of(parameter: Field[Any]) -> Any:
    kind = PARAMETERS[parameter.name].type
    return kind | None if parameter.default is None else kind


_TYPES: TypeAdapter[dict[str, Any]] = TypeAdapter(
    TypedDict("Params", {each.name: _type_of(each) for each in fields(Params)})  # type: ignore
)


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """Values of all parameters, as their types read them."""
    try:
        return _TYPES.validate_python(values)
    except ValidationError as error:
        nodes = _TYPES.json_schema()["properties"]
        problems = [
            problem_of((name,), item, nodes[name])
            for item in error.errors(include_url=False)
            for name in [str(item["loc"][0])]
        ]
    raise ConfigError([problem.line for problem in problems], "the parameters of the trial")


DEFAULTS = Params().to_dict()
"""What each parameter is by default; None: what it stands for is chosen elsewhere."""


def chosen_by(params: Mapping[str, Any]) -> str:
    """In words, which weights are compared with which, given params of a trial (or some of them).

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
"""Parameter -> the conditions without which it changes nothing (`sweep.space.active`)."""

FIXED: dict[str, tuple[str, Callable[[str], Any]]] = {"sparsity": ("granularity", STRUCTURES.fact)}
"""Parameter -> the one that fixes it, and what a value of that one fixes it to (None: nothing)."""

TUTORIAL: dict[str, dict[str, str]] = {
    "weight": {key: key for key in ("sparsity", "method", "scope")},
    "activation": {key: f"activation_{key}" for key in ("sparsity", "method", "scope")},
}
"""The tutorial's dictionary: group -> its key -> the parameter that it means."""
