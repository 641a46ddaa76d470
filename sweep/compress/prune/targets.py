"""Which weights may be pruned: by kind of module, by name."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import Tensor, nn

from sweep.errors import UsageError

PRUNABLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Targets:
    """Glob patterns over module names; an empty ``include`` means all of the prunable kinds.

    By default every Linear and Conv weight is prunable, the classifier's too, as in the tutorial;
    biases and LayerNorm never are, and embeddings only where asked.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    embeddings: bool = False

    def admits(self, name: str) -> bool:
        """Whether a module of this name is wanted."""
        wanted = not self.include or any(fnmatchcase(name, p) for p in self.include)
        return wanted and not any(fnmatchcase(name, p) for p in self.exclude)


def prunable_modules(model: nn.Module, targets: Targets) -> dict[str, nn.Module]:
    """The modules whose ``weight`` may be pruned, by name, each weight once though it be shared.

    Raises :class:`~sweep.errors.UsageError` where nothing is left to prune.
    """
    kinds = (*PRUNABLE, nn.Embedding) if targets.embeddings else PRUNABLE
    found: dict[str, nn.Module] = {}
    seen: set[int] = set()
    for name, module in model.named_modules():
        if isinstance(module, kinds) and targets.admits(name) and id(module.weight) not in seen:
            seen.add(id(module.weight))
            found[name] = module
    if not found:
        raise UsageError(
            f"nothing to prune: no module matches include={list(targets.include)}, "
            f"exclude={list(targets.exclude)}; names look like {_some_names(model)}"
        )
    return found


def prunable_weights(model: nn.Module, targets: Targets) -> dict[str, Tensor]:
    """The prunable weight tensors by module name."""
    weights: dict[str, Tensor] = {}
    for name, module in prunable_modules(model, targets).items():
        assert isinstance(module.weight, Tensor)
        weights[name] = module.weight
    return weights


def _some_names(model: nn.Module) -> str:
    names = [name for name, module in model.named_modules() if isinstance(module, PRUNABLE)]
    return ", ".join(names[:3]) or "(the model has no Linear or Conv layer)"
