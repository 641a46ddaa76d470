"""A pruning criterion that needs no data."""

import torch
from torch import Tensor

from sweep import Criterion


def relative_importance(weight: Tensor, statistic: None, generator: torch.Generator) -> Tensor:
    """|w| as a share of its row plus |w| as a share of its column, which keeps part of each of
    them.

    This is the part of RIA that needs no activations (Zhang et al. 2024, "Plug-and-Play: An
    Efficient Post-training Pruning Method for Large Language Models", ICLR).
    """
    size = weight.detach().abs().flatten(1)
    rows = size.sum(1, keepdim=True).clamp_min(1e-12)
    columns = size.sum(0, keepdim=True).clamp_min(1e-12)
    return (size / rows + size / columns).view_as(weight)


relative = Criterion(relative_importance)
