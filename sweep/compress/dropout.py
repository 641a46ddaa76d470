"""The dropout rates of a model, wherever its code reads them.

Some layers are ``nn.Dropout``; other code calls the function with a rate that is an attribute of a
module (BART, Llama, T5, Bloom) or of the config that the module was made with (Falcon).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn


def set_dropout(model: nn.Module, rate: float | None) -> Callable[[], None]:
    """Set all dropout rates, in [0, 1); None keeps the model's rates.

    Returns a function that restores the rates of before.
    """
    if rate is None:
        return lambda: None
    if _config(model) is not None:  # a copy, which is saved, while the modules within keep theirs
        model.config = copy.deepcopy(_config(model))
    before = list(dropout_rates(model))
    for owner, name, _ in before:
        # Layerdrop skips whole layers. It is not dropout, but 0 means none.
        if rate == 0 or "layerdrop" not in name:
            setattr(owner, name, rate)

    def restore() -> None:
        for owner, name, own in before:
            setattr(owner, name, own)

    return restore


def dropout_rates(model: nn.Module) -> Iterator[tuple[Any, str, float]]:
    """Yield the object that has a rate, in [0, 1), its name there, and the rate."""
    for module in model.modules():
        config = None if module is model else _config(module)
        for owner in [module] if config is None else [module, config]:
            layer = "Dropout" in type(owner).__name__
            for name, value in vars(owner).items():
                number = isinstance(value, int | float) and not isinstance(value, bool)
                if number and 0 <= value < 1 and ("drop" in name or (layer and name == "p")):
                    yield owner, name, value


def _config(module: nn.Module) -> Any:
    """Return the config object of a module, or None."""
    config = vars(module).get("config")
    return config if hasattr(config, "__dict__") else None
