"""`sweep trial`: one point by hand."""

from __future__ import annotations

import json
import sys

from sweep.compress.single import run_single
from sweep.config.load import load_config
from sweep.errors import TrialError

TRIAL_FAILED = 3


def run_trial(source: str, settings: list[str], split: str, as_json: bool) -> None:
    """Run it and print the steps, or one JSON document; a diverged trial ends with code 3."""
    config = load_config(source, settings, single_trial=True)

    def say(line: str) -> None:
        print(line, file=sys.stderr if as_json else sys.stdout, flush=True)

    try:
        figures = run_single(config, split, say)
    except TrialError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(TRIAL_FAILED)
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    names = ("baseline_accuracy", "pruned_accuracy", "recovered_accuracy")
    print("  ".join(f"{name} {figures[name]:.4f}" for name in names))
    print(
        f"sparsity {figures['sparsity']:.4f}  model_sparsity {figures['model_sparsity']:.4f}  "
        f"{figures['seconds']:.0f} s on {figures['examples']} {split} examples"
    )
