"""A single trial without Ray: the five steps and the three figures of MASE's tutorial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sweep.compress.loop import Trial
from sweep.compress.open import open_bench
from sweep.config import SweepConfig
from sweep.ledger.record import Record, coverage_text
from sweep.space.active import active, order
from sweep.space.params import DEFAULTS, Params, chosen_by

if TYPE_CHECKING:
    from sweep.compress.open import Bench

Say = Callable[[str], None]

STEPS = {"dense": "in floats", "ptq": "on the grid", "qat": "finetuned on it"}
"""The steps that make the baseline of a quantised sweep."""


def open_trial(config: SweepConfig, split: str, say: Say) -> tuple[Bench, Trial]:
    """Return the bench of ``config``, and its single trial before it runs.

    ``say`` is called with warnings and with the chosen values of parameters that are ranges.
    Raises :class:`~sweep.errors.UsageError` if the model, the data or a parameter cannot be used.
    """
    bench = open_bench(config)
    params = single_params(config, say)
    bench.check()
    for warning in bench.about(split)["warnings"]:
        say(f"warning: {warning}")
    seed = config.search.seed if params.seed is None else params.seed
    return bench, bench.trial(params, seed, split)


def run_single(config: SweepConfig, split: str, say: Say) -> dict[str, Any]:
    """Run one trial of ``config``, evaluate it on ``split``, and return its figures.

    The figures can be written as JSON. ``say`` is called with one line per step of the tutorial.
    Raises :class:`~sweep.errors.UsageError` if the model, the data or a parameter cannot be used,
    and :class:`~sweep.errors.TrialError` if the trial diverges.
    """
    bench, trial = open_trial(config, split, say)
    baseline = bench.baseline(split)
    for line in _dense_lines(config, baseline, split):
        say(line)
    say(f"2. prune            {_describe(trial.params)}")
    records, metric = [], config.task.primary
    for record in trial.run():
        records.append(record)
        say(_line(record, trial.params, metric))
    return _figures(trial.params, baseline, records, split, metric)


def single_params(config: SweepConfig, say: Say) -> Params:
    """Return the params of a single trial: constants, and the default or first value of a range."""

    def choose(name: str, found: Mapping[str, Any]) -> Any:
        domain, default = config.space[name], DEFAULTS[name]
        value = default if domain.contains(default) else domain.nth(0)
        say(f"{name} is a range in the config: this trial takes {value}")
        return value

    return Params.of(active(config.space, order(config.space), choose))


def _dense_lines(config: SweepConfig, baseline: Mapping[str, Any], split: str) -> list[str]:
    metric, chosen = config.task.primary, config.baseline.quantization
    lines = [f"1. dense model      {split} {metric} {baseline[metric]:.4f}"]
    there = [name for name in STEPS if f"{name}_{metric}" in baseline]
    lines += [f"   {STEPS[name]:16} {metric} {baseline[f'{name}_{metric}']:.4f}" for name in there]
    if chosen and there:
        lines[0] += f", quantised: {chosen}"
    return [*lines, f"   coverage         {coverage_text(baseline)}"]


def _describe(params: Params) -> str:
    text = f"weights {params.sparsity:.0%} {params.method} {chosen_by(params.to_dict())}"
    if params.activation_sparsity:
        text += (
            f", activations {params.activation_sparsity:.0%} {params.activation_method} "
            f"{params.activation_scope}"
        )
    if params.quantization is not None:
        text += f", quantization {params.quantization}"
    return text


def _line(record: Record, params: Params, metric: str) -> str:
    value = f"{metric} {record.scores[metric]:.4f}"
    if record.epoch == 0:
        line = f"3. pruned model     {value}, sparsity {record.sparsity:.4f}"
        if record.quantized_sparsity is not None:
            line += f", and {record.quantized_sparsity:.4f} zero on the grid"
        return line
    line = f"4. finetune epoch {record.epoch} {value}, loss {record.loss:.4f}"
    if record.epoch <= params.ramp_epochs:
        line += f", sparsity {record.sparsity:.4f}"
    if record.epoch == params.finetune_epochs:
        line += f"\n5. recovered model  {value} after {record.epoch} epochs"
    return line


def _figures(
    params: Params, baseline: dict[str, Any], records: list[Record], split: str, metric: str
) -> dict[str, Any]:
    last, steps = records[-1], [f"{name}_{metric}" for name in STEPS]
    return {
        f"baseline_{metric}": baseline[metric],
        f"pruned_{metric}": records[0].scores[metric],
        f"recovered_{metric}": last.scores[metric],
        "sparsity": last.sparsity,
        "model_sparsity": last.model_sparsity,
        "coverage": last.coverage,
        "left_out": baseline.get("left_out", []),
        "quantized_sparsity": last.quantized_sparsity,
        "size_bytes": last.size_bytes,
        **{name: baseline[name] for name in steps if name in baseline},
        "seconds": last.seconds,
        "split": split,
        "examples": last.examples,
        "params": params.to_dict(),
        "records": [record.to_dict() for record in records],
    }
