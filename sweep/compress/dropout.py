"""The dropout rates of a model, wherever its code reads them.

Some layers are ``nn.Dropout``; other code calls the function with a rate that is an attribute of a
module (BART, Llama, T5, Bloom) or of the config that the module was made with (Falcon).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

LAYERS = "layerdrop"
"""In names of rates at which whole layers are skipped. They are not dropout, but 0 means none."""


def dropout_rates(model: nn.Module) -> dict[str, float]:
    """Return the rate, in [0, 1), of every place by its dotted name."""
    return {place: getattr(owner, name) for place, owner, name in _places(model)}


def set_dropout(model: nn.Module, rate: float | None) -> None:
    """Set all dropout rates, in [0, 1); None keeps the model's rates."""
    if rate is None:
        return
    _separate_configs(model)
    for _, owner, name in _places(model):
        if rate == 0 or LAYERS not in name:
            setattr(owner, name, rate)


def restore_dropout(model: nn.Module, rates: Mapping[str, float]) -> None:
    """Set the rates that :func:`dropout_rates` returned."""
    for place, owner, name in _places(model):
        setattr(owner, name, rates[place])


def _places(model: nn.Module) -> Iterator[tuple[str, Any, str]]:
    """Yield the dotted name of each rate, the object that has it, and its name there."""
    for path, module in model.named_modules():
        owners: list[tuple[str, Any]] = [(path, module)]
        if module is not model and _config(module) is not None:
            owners.append((f"{path}.config", _config(module)))
        for place, owner in owners:
            layer = "Dropout" in type(owner).__name__
            for name, value in list(vars(owner).items()):
                number = isinstance(value, int | float) and not isinstance(value, bool)
                if number and 0 <= value < 1 and ("drop" in name or (layer and name == "p")):
                    yield f"{place}.{name}", owner, name


def _config(module: nn.Module) -> Any:
    """Return the config object of a module, or None."""
    config = vars(module).get("config")
    return config if hasattr(config, "__dict__") else None


def _separate_configs(model: nn.Module) -> None:
    """Give the modules within a model copies of its config, which is saved and stays unchanged."""
    own = _config(model)
    saved = [] if own is None else [id(part) for part in (own, *vars(own).values())]
    copies: dict[int, Any] = {}
    for module in model.modules():
        config = _config(module)
        if module is not model and config is not None and id(config) in saved:
            module.config = copies.setdefault(id(config), copy.copy(config))
