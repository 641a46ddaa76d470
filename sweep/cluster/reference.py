"""The corner of a sweep's hypervolume: the worst value of each objective, fixed before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweep.config import SweepConfig


def reference_point(config: SweepConfig, baseline: Mapping[str, Any]) -> dict[str, float]:
    """Objective -> its worst value that is still worth nothing, as far as one is known.

    For accuracy that of always answering the majority class; for sparsity 0; for sizes that of the
    dense model (in floats, though the baseline be quantised: some trials may not be); for epochs
    one more than the space has, so that a trial which runs to its end still counts; for F1 and
    Matthews' correlation 0. A loss and times have no worst value that anyone knows before a sweep:
    taking one from its records would move with them, so those objectives are left out, and there is
    no hypervolume, unless ``search.reference`` (which goes before all others) gives one.
    """
    majority = float(baseline["majority_accuracy"])
    worst = {
        ("accuracy", "max"): majority,
        ("accuracy_drop", "min"): float(baseline["accuracy"]) - majority,
        ("sparsity", "max"): 0.0,
        ("model_sparsity", "max"): 0.0,
        ("nonzero_params", "min"): _of_dense("nonzero_params", baseline),
        ("size_bytes", "min"): _of_dense("size_bytes", baseline),
        ("epoch", "min"): config.max_epochs + 1.0,
        ("f1", "max"): 0.0,
        ("matthews", "max"): 0.0,
    }
    known = {
        name: worst[name, way] for name, way in config.objectives.items() if (name, way) in worst
    }
    return {
        name: value
        for name in config.objectives
        if (value := config.search.reference.get(name, known.get(name))) is not None
    }


def _of_dense(name: str, baseline: Mapping[str, Any]) -> float:
    """A size of the model in floats; the baseline's own where that is in floats itself."""
    return float(baseline.get(f"dense_{name}", baseline[name]))
