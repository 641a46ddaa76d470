"""The benchmark of a prune step on a small model."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import prune_step
from sweep.registry import CRITERIA
from sweep.space.params import SCOPES, is_learned

SHAPE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def test_it_measures_every_method_under_every_scope(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, files = prune_step.made(tmp_path, SHAPE)
    wall, cpu = prune_step.measure(prune_step.bench_of(model, files, 16), 0.7)
    assert wall > 0 and cpu > 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    measured = {(line[0], line[1]) for line in lines if len(line) > 4}
    at_once = {method for method in CRITERIA if not is_learned(method)}
    assert measured >= {(method, scope) for method in at_once for scope in SCOPES}
    steps = [float(line[line.index("CPU") + 1]) for line in lines if "CPU" in line]
    assert max(steps) == pytest.approx(cpu, abs=0.006)
