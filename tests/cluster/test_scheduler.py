"""Early stopping in a plain Tune run: the verdicts of a sweep for the same results in their order.

What a restored Tuner does is in tests/stories/test_scheduler.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.fs
import pytest
from ray import cloudpickle
from ray.tune.schedulers import TrialScheduler

from sweep.cluster.scheduler import MoashaScheduler
from sweep.config.plan import rungs
from sweep.search.moasha import Moasha

BOTH = {"accuracy": "max", "sparsity": "max"}


@dataclass
class Storage:
    """Where Tune keeps a trial."""

    trial_fs_path: str
    storage_filesystem: Any = field(default_factory=pyarrow.fs.LocalFileSystem)


@dataclass
class StoredTrial:
    """What the scheduler asks of a trial of Tune's."""

    trial_id: str
    storage: Storage
    has_reported_at_least_once: bool = False


def trial(name: str, folder: Path, results: list[dict[str, Any]] | None = None) -> Any:
    """A trial, restored where it has ``results``; the last of them is cut off."""
    place = folder / name
    place.mkdir(exist_ok=True)
    if results is not None:
        lines = [json.dumps(one) for one in results]
        (place / "result.json").write_text("\n".join([*lines, '{"accuracy": 0.']))
    return StoredTrial(name, Storage(str(place)), results is not None)


def result(random: np.random.Generator, epoch: int, **more: Any) -> dict[str, Any]:
    accuracy = float(random.integers(20, 100)) / 100
    figures = {"accuracy": accuracy, "accuracy_se": 0.02, "sparsity": random.integers(1, 10) / 10}
    return {"epoch": epoch, **figures, **more}


def scheduler(**more: Any) -> MoashaScheduler:
    settings = {"time_attr": "epoch", "grace_period": 0, "reduction_factor": 2} | more
    return MoashaScheduler(BOTH, 9, **settings)


@pytest.mark.parametrize("seed", range(5))
def test_verdicts_are_those_of_a_sweep_also_after_a_restore(seed: int, tmp_path: Path) -> None:
    """The scheduler that Tune restores is the one that was pickled before the run."""
    random = np.random.default_rng(seed)
    own, rule = scheduler(), Moasha(rungs(0, 2, 9), BOTH, 2, 1.0)
    pristine = cloudpickle.dumps(own)
    running = {f"t{n}": 0 for n in range(12)}
    reported: dict[str, list[dict[str, Any]]] = {name: [] for name in running}
    stops = 0
    for name in running:
        own.on_trial_add(None, trial(name, tmp_path))
    for step in range(80):
        if step == 40:
            own = cloudpickle.loads(pristine)
            for other, results in reported.items():
                own.on_trial_add(None, trial(other, tmp_path, results))
        if not running:
            break
        name = str(random.choice(list(running)))
        found = result(random, running[name])
        verdict = own.on_trial_result(None, trial(name, tmp_path), found)
        decision = rule.judge(name, running[name], found)
        is_over = running[name] == 9 or (decision is not None and decision["action"] == "stop")
        assert verdict == (TrialScheduler.STOP if is_over else TrialScheduler.CONTINUE)
        stops += is_over
        reported[name].append(found)
        running[name] += 1
        if is_over:
            del running[name]
    assert stops > 2


def test_what_cannot_be_compared_goes_on_and_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own, random = scheduler(), np.random.default_rng(0)
    for epoch in (0, 1):
        found = result(random, epoch, accuracy_se=None)
        verdict = own.on_trial_result(None, trial("a", tmp_path), found)
        assert verdict == TrialScheduler.CONTINUE
    assert [r.getMessage() for r in caplog.records].count(caplog.records[0].getMessage()) == 1
    assert "'accuracy_se'" in caplog.text
    for odd in ({}, {"epoch": float("nan")}, {"epoch": 0.5}):
        assert own.on_trial_result(None, trial("a", tmp_path), odd) == TrialScheduler.CONTINUE
    assert own.debug_string() == "Using MO-ASHA: 0 trials stopped early"


def test_a_trial_that_reported_elsewhere_has_no_results_to_read(tmp_path: Path) -> None:
    lost = StoredTrial("lost", Storage(str(tmp_path / "nowhere")), has_reported_at_least_once=True)
    scheduler().on_trial_add(None, lost)


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="margin"):
        scheduler(margin=-1)
