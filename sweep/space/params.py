"""What one trial is given: the flat parameters, and the tutorial's dictionary read into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from math import inf
from typing import Any

from sweep.errors import UsageError


@cache
def n_of_m(granularity: str) -> tuple[int, int] | None:
    """How many weights stay of how many; None for single elements.

    >>> n_of_m("2:4"), n_of_m("element")
    ((2, 4), None)
    """
    kept, colon, group = granularity.partition(":")
    return (int(kept), int(group)) if colon else None


def longest_ramp(finetune_epochs: float = inf, granularity: str = "element") -> float:
    """The most epochs that a trial's ramp can take: all that it has; 0 to N:M, at once.

    There is no less of N:M to begin with.
    """
    return 0 if n_of_m(granularity) else finetune_epochs


def chosen_by(params: Mapping[str, Any]) -> str:
    """In words, which weights are compared with which, given params of a trial (or some of them).

    >>> chosen_by({"scope": "global", "normalise": "rms"}), chosen_by({"granularity": "2:4"})
    ('global rms', '2:4')
    """
    whole = {**Params().to_dict(), **params}
    if whole["granularity"] != "element":
        return str(whole["granularity"])
    also = "normalise" if whole["scope"] == "global" else "layer_profile"
    plain = whole[also] == getattr(Params, also)
    return str(whole["scope"]) if plain else f"{whole['scope']} {whole[also]}"


@dataclass(frozen=True)
class Params:
    """The parameters of one trial.

    ``sparsity`` and ``activation_sparsity`` are in [0, 1); ``finetune_epochs`` counts whole passes
    over the train split; ``learning_rate`` is the peak of its schedule. ``method`` says how
    weights are scored, ``scope`` which of them are compared with which, ``normalise`` and
    ``layer_profile`` how matrices share ``sparsity`` out; under ``granularity`` N:M none of these
    but ``method`` counts. ``ramp_epochs`` (whole) spreads the pruning (`sweep.compress.ramp`); one
    above :func:`longest_ramp` is shortened to that. ``distill_weight`` in [0, 1] and
    ``distill_temperature`` > 0 are those of `sweep.compress.train`; None: as ``recover.distill``
    says. ``quantization`` is the grid of the dense model that is pruned (none, fixed, int8); None:
    what ``baseline.quantization`` says. ``seed`` is that of masks, batches and dropout; None:
    whoever runs the trial gives one.
    """

    sparsity: float = 0.5
    method: str = "l1-norm"
    scope: str = "local"
    finetune_epochs: int = 1
    learning_rate: float = 5e-5
    activation_sparsity: float = 0.0
    activation_method: str = "l1-norm"
    activation_scope: str = "local"
    normalise: str = "none"
    granularity: str = "element"
    layer_profile: str = "uniform"
    ramp_epochs: int = 0
    distill_weight: float | None = None
    distill_temperature: float | None = None
    quantization: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        longest = int(longest_ramp(self.finetune_epochs, self.granularity))
        object.__setattr__(self, "ramp_epochs", min(self.ramp_epochs, longest))

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
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(flat) - known):
            raise UsageError(
                f"unknown parameter {unknown[0]!r}; allowed: {', '.join(sorted(known))}"
            )
        return cls(**flat)

    def to_dict(self) -> dict[str, Any]:
        """The flat form, as the ledger keeps it."""
        return asdict(self)
