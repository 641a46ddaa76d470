"""Random domains of parameters: ranges, lists and values, some of them wrong."""

from __future__ import annotations

import random
from typing import Any

_NAMES = {
    "method": ("l1-norm", "random", "sparsegpt", "wanda", "movement", "L1-norm"),
    "scope": ("local", "global", "row", "all"),
    "normalise": ("none", "rms"),
    "granularity": ("element", "2:4", "4:8", "2:8"),
    "layer_profile": ("uniform", "erk"),
    "quantization": ("none", "int8", "fixed"),
    "activation_method": ("l1-norm", "random"),
    "activation_scope": ("local", "global"),
}
_ENDS = {
    "finetune_epochs": (0, 1, 2, 5, "3", 8.0, 1.5),
    "ramp_epochs": (0, 1, 2, "1", -1),
    "seed": (0, 1, 7, 2**32),
}
_SHARES = (0, 0.1, 0.3, 0.5, 0.9, 0.95, "0.5", "1e-3", 1e-5, 1, "nan")
_WHEN = ({"finetune_epochs": {"low": 1}}, {"sparsity": 0.5}, {"method": ["random"]}, {"x": 1})


def domain(rng: random.Random, name: str) -> Any:
    """A domain of a parameter in one of its forms."""
    if name in _NAMES:
        names = _NAMES[name]
        two = rng.sample(names, 2)
        return rng.choice((rng.choice(names), two, [two[0]], {"values": two, "when": _WHEN[0]}))
    low, high = rng.sample(_ENDS.get(name, _SHARES), 2)
    if isinstance(low, int | float) and isinstance(high, int | float):
        low, high = sorted((low, high))
    span, step = {"low": low, "high": high}, rng.choice((1, 2, 0.05, 0.1, "0.1", 0.07, 0))
    forms: list[Any] = [low, [low, high], span, {**span, "step": step}, {**span, "log": True}]
    forms += [{**span, "when": rng.choice(_WHEN)}, {"values": [low, high], "when": _WHEN[0]}]
    return rng.choice((*forms, {"low": low}, [], {**span, "log": "yes"}, None))
