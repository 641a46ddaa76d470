"""Does it pay to start a trial from a recovered checkpoint of less sparsity?

    python -m benchmarks.chained digits [--learning-rate 4e-4]
    python -m benchmarks.chained sst2 model=FOLDER task.dataset.train=FILE ... baseline.epochs=0

l1-norm local, for each target sparsity and seed, with the same epochs in all (``--epochs`` E):

- direct: pruned at once, E epochs;
- ramp n: the same with ``ramp_epochs`` = n;
- chained: E / 2 epochs at ``--step`` less sparsity, then pruned on (nested masks, a new optimizer
  and warm-up, as a new trial has them), E / 2 epochs.

``half`` is direct after E / 2 epochs: what a chained trial costs where the checkpoint was there
anyway. Accuracy is that on validation, in percent; the gain is against direct, paired by seed and
sparsity, with its standard error. A row is appended to --out when it is done, and skipped when it
is there. Last line: `chained_gain=... chained_error=... ramp_gain=...`, the best ramp's, and
`chained_over_ramp=... over_ramp_error=...`, against that ramp.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from sweep.compress.dense.bench import Workbench
from sweep.compress.trial import Trial
from sweep.config.load import load_config
from sweep.space.params import Params

Row = dict[str, Any]


def direct(bench: Workbench, params: Params, seed: int) -> Iterator[tuple[str, Trial]]:
    """Halfway and at the end."""
    trial = bench.trial(params, seed)
    trial.prune()
    for epoch in range(1, params.finetune_epochs + 1):
        trial.finetune()
        if epoch == params.finetune_epochs // 2 and not params.ramp_epochs:
            yield "half", trial
    yield f"ramp {params.ramp_epochs}" if params.ramp_epochs else "direct", trial


def chained(bench: Workbench, params: Params, seed: int, step: float) -> Iterator[Any]:
    """Half of the epochs at less sparsity, and on from there."""
    half = params.finetune_epochs // 2
    settings = params.to_dict() | {"finetune_epochs": half}
    first = bench.trial(Params.of(settings | {"sparsity": params.sparsity - step}), seed)
    first.prune()
    for _ in range(half):
        first.finetune()
    state = first.state_dict()
    second = bench.trial(Params.of(settings), seed + 1000)  # other batches than the first had
    second.model.load_state_dict(state["model"])
    second.start = state["masks"]
    second.prune()
    for _ in range(params.finetune_epochs - half):
        second.finetune()
    yield "chained", second


def measured(bench: Workbench, given: argparse.Namespace, sparsity: float, seed: int) -> list[Row]:
    """All ways for one sparsity and seed."""
    plain = Params(
        sparsity=sparsity, finetune_epochs=given.epochs, learning_rate=given.learning_rate
    )
    ways = [direct(bench, plain, seed), chained(bench, plain, seed, given.step)]
    for ramp in given.ramps:
        ways.append(direct(bench, Params.of(plain.to_dict() | {"ramp_epochs": ramp}), seed))
    return [
        {"way": name, "accuracy": 100 * trial.score("validation").accuracy}
        for way in ways
        for name, trial in way
    ]


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy by way and sparsity, and the gain against direct with its standard error."""
    wide = rows.pivot_table(index=["sparsity", "seed"], columns="way", values="accuracy")
    gains = wide.sub(wide["direct"], axis=0)
    found = wide.groupby("sparsity").mean().T.add_prefix("at ")
    found["gain"] = gains.mean()
    found["error"] = gains.std() / len(gains) ** 0.5
    return found.sort_values("gain", ascending=False)


def over(rows: list[Row], ramp: str) -> tuple[float, float]:
    """The mean gain of chained over a ramp, and its standard error, paired."""
    wide = pd.DataFrame(rows).pivot_table(["accuracy"], ["sparsity", "seed"], "way")["accuracy"]
    gains = wide["chained"] - wide[ramp]
    return float(gains.mean()), float(gains.std() / len(gains) ** 0.5)


def main() -> None:
    given = _parser().parse_args()
    torch.set_num_threads(given.threads)
    bench = Workbench(load_config(given.config, given.overrides), "cpu")
    out = Path(given.out or f"results/benchmarks/chained-{bench.config.name}.jsonl")
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {(row["sparsity"], row["seed"]) for row in rows}
    for seed, sparsity in product(range(given.seeds), given.sparsities):
        if (sparsity, seed) not in done:
            place = {"sparsity": sparsity, "seed": seed}
            fresh = [place | row for row in measured(bench, given, sparsity, seed)]
            with out.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in fresh)
            rows += fresh
            print(json.dumps(fresh), flush=True)
    found = table(pd.DataFrame(rows))
    print(found.round(2).to_string())
    ramp = found[found.index.str.startswith("ramp")]["gain"]
    gain, error = found.loc["chained", ["gain", "error"]]
    print(
        f"chained_gain={gain:+.2f} chained_error={error:.2f} ramp_gain={ramp.max():+.2f}",
        "chained_over_ramp={:+.2f} over_ramp_error={:.2f}".format(*over(rows, str(ramp.idxmax()))),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="a config or its packaged name")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sparsities", type=float, nargs="+", default=[0.7, 0.9])
    parser.add_argument("--step", type=float, default=0.2, help="less sparsity of the first half")
    parser.add_argument("--epochs", type=int, default=4, help="in all, even")
    parser.add_argument("--ramps", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", help="default: results/benchmarks/chained-NAME.jsonl")
    return parser


if __name__ == "__main__":
    main()
