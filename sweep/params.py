"""What one trial is given: the flat parameters, and the tutorial's dictionary read into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from sweep.errors import UsageError


@dataclass(frozen=True)
class Params:
    """The parameters of one trial.

    ``sparsity`` and ``activation_sparsity`` are in [0, 1); ``finetune_epochs`` counts whole passes
    over the train split; ``learning_rate`` is the peak of its schedule. ``method`` says how
    weights are scored, ``scope`` which of them are compared with which. ``seed`` is that of masks,
    batches and dropout; None: whoever runs the trial gives one. ``quantization`` is the grid of the
    dense model that is pruned (none, fixed, int8); None: what ``baseline.quantization`` says.
    """

    sparsity: float = 0.5
    method: str = "l1-norm"
    scope: str = "local"
    finetune_epochs: int = 1
    learning_rate: float = 5e-5
    activation_sparsity: float = 0.0
    activation_method: str = "l1-norm"
    activation_scope: str = "local"
    quantization: str | None = None
    seed: int | None = None

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
