"""The warm start: which observations are used, and a ledger that does not need the other one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from sweep.config import SweepConfig
from sweep.errors import UsageError
from sweep.ledger.events import Event
from sweep.ledger.store import store_at
from sweep.search.replay import Search
from sweep.search.warm import describe, warm_events
from tests.analysis.ledgers import LedgerBuilder
from tests.search.studies import optuna_study

SPACE: dict[str, Any] = {
    "sparsity": {"low": 0.1, "high": 0.9},
    "method": ["l1-norm", "random"],
    "finetune_epochs": {"low": 0, "high": 4},
    "learning_rate": {"low": 1e-5, "high": 1e-3, "log": True},
}
StudyParams = tuple[dict[str, Any], list[int], str]
"""Params, the epochs recorded, and the status."""

TRIALS: list[StudyParams] = [
    ({"sparsity": 0.5, "method": "l1-norm", "finetune_epochs": 2}, [0, 1, 2], "completed"),
    ({"sparsity": 0.8, "method": "random", "finetune_epochs": 4}, [0, 1], "stopped"),
    ({"sparsity": 0.7, "method": "random", "finetune_epochs": 3}, [0], "failed"),
    ({"sparsity": 0.6, "method": "l1-norm", "finetune_epochs": 3}, [0, 1], ""),
]


def config(**sections: Any) -> SweepConfig:
    plain: dict[str, Any] = {"name": "w", "task": {"dataset": "digits"}, "space": SPACE}
    return SweepConfig.model_validate({**plain, **sections})


def sweep(settings: SweepConfig, trials: Sequence[StudyParams]) -> LedgerBuilder:
    ledger = LedgerBuilder(name="other", config=settings.model_dump(mode="json"))
    for number, (params, epochs, status) in enumerate(trials):
        name = f"t{number:05d}"
        ledger.trial(name).events[-2]["params"] |= params
        for epoch in epochs:
            figures = {"accuracy": 0.9 - 0.1 * number + epoch / 100, "accuracy_drop": 0.01}
            ledger.record(name, epoch, 0, params["sparsity"], **figures)
        if status:
            ledger.end(name, status)
    return ledger


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The folder of another sweep over the same space."""
    return sweep(config(), TRIALS).write(tmp_path / "other")


def learn(folder: Path, own: Path | None = None, **sections: Any) -> Event:
    search = {**sections.pop("search", {}), "warm_start": [str(folder)]}
    (event,) = warm_events(
        config(search=search, **sections), store_at(own or folder.parent / "own")
    )
    return json.loads(json.dumps(event, allow_nan=False))


def test_ended_trials_are_used_as_they_came_true(other: Path) -> None:
    event = learn(other)
    assert [one["params"]["finetune_epochs"] for one in event["observations"]] == [2, 1]
    assert [one["metrics"]["accuracy"] for one in event["observations"]] == [0.92, 0.81]
    assert (event["used"], event["skipped"], event["differs"]) == (2, {}, [])
    assert describe(event) == f"warm start from {other}: 2 observations used"


RATE = {"low": 1e-5, "high": 1e-3, "when": {"finetune_epochs": {"low": 2}}}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"method": "l1-norm"}, "method is outside of l1-norm"),
        (
            {"finetune_epochs": {"low": 0, "high": 1}},
            "finetune_epochs is outside of {low: 0, high: 1}",
        ),
        (
            {"learning_rate": RATE},
            "learning_rate is not active in this space, and differs from its default",
        ),
    ],
)
def test_what_lies_outside_of_the_space_is_left_out_and_counted(
    other: Path, changed: dict[str, Any], reason: str
) -> None:
    event = learn(other, space={**SPACE, **changed})
    assert (event["used"], event["skipped"]) == (1, {reason: 1})
    assert f"  1 not used: {reason}" in describe(event)


def test_what_changes_nothing_and_other_seeds_are_in_no_ones_way(tmp_path: Path) -> None:
    """A parameter of another version is: its trial is left out with its name."""
    trials: list[StudyParams] = [
        ({"sparsity": 0.5, "finetune_epochs": 0, "learning_rate": 5.0}, [0], "completed"),
        ({"sparsity": 0.6, "finetune_epochs": 1, "seed": 17}, [0, 1], "completed"),
        ({"sparsity": 0.5, "finetune_epochs": 0, "depth": 3}, [0], "completed"),
    ]
    event = learn(sweep(config(), trials).write(tmp_path / "other"))
    assert (event["used"], event["skipped"]) == (2, {"unknown parameter depth": 1})
    assert "learning_rate" not in event["observations"][0]["params"]
    assert "seed" not in event["observations"][1]["params"]


def test_what_the_granularity_decides_is_outside_of_no_space(tmp_path: Path) -> None:
    """The sparsity of 2:4 is a half, which a space that begins above has all the same."""
    space = {**SPACE, "sparsity": {"low": 0.7, "high": 0.9}, "granularity": ["element", "2:4"]}
    trials: list[StudyParams] = [
        ({"sparsity": 0.5, "granularity": "2:4", "finetune_epochs": 1}, [0, 1], "completed")
    ]
    folder = sweep(config(space=space), trials).write(tmp_path / "other")
    event = learn(folder, space=space)
    assert event["used"] == 1
    assert event["observations"][0]["params"]["sparsity"] == 0.5
    search = Search(config(space=space))
    search.apply({**event, "time": 0.0})
    (stored,) = optuna_study(search.study).trials
    assert stored.state == TrialState.COMPLETE and stored.params["granularity"] == "2:4"


def test_another_model_or_task_is_used_with_a_warning(other: Path) -> None:
    event = learn(other, task={"dataset": "digits", "max_length": 32, "metrics": ["f1"]})
    assert event["used"] == 2
    assert event["differs"] == ["task.max_length: 128 -> 32"]
    assert "warning: used although it differs in task.max_length: 128 -> 32" in describe(event)


def test_a_setting_that_came_since_is_no_difference(tmp_path: Path) -> None:
    ledger = sweep(config(), TRIALS)
    old = ledger.events[0]["config"]
    del old["baseline"]["quantization"], old["recover"]["distill"]
    del old["pruning"]["start_masks"], old["pruning"]["calibration_samples"]
    folder = ledger.write(tmp_path / "other")
    assert (learn(folder)["used"], learn(folder)["differs"]) == (2, [])
    [difference] = learn(folder, baseline={"quantization": {"scheme": "int8"}})["differs"]
    assert difference.startswith("baseline.quantization: null -> ")


def test_a_figure_that_no_record_has_is_refused(other: Path) -> None:
    words = r"trial t00000 of .*other has no f1 at epoch 2, and no other .*\(accuracy, .*f1"
    with pytest.raises(UsageError, match=words):
        learn(other, search={"constraints": {"f1": {"max": 0.1}}}, task=TASK)


TASK = {"dataset": "digits", "metrics": ["f1"]}


@pytest.mark.parametrize(
    "objectives",
    [
        {"accuracy": "max"},
        {"accuracy_drop": "min", "sparsity": "max"},
        {"accuracy": "max", "size_bytes": "min"},
        {"f1": "max", "sparsity": "max"},
    ],
)
def test_other_objectives_are_learned_where_the_records_have_them(
    tmp_path: Path, objectives: dict[str, str]
) -> None:
    """f1 was measured by one of the two trials only."""
    ledger = sweep(config(), TRIALS)
    records = [event for event in ledger.events if event["event"] == "record"]
    records[2]["f1"] = 0.7
    event = learn(ledger.write(tmp_path / "other"), objectives=objectives, task=TASK)
    wanted = [records[2]] if "f1" in objectives else [records[2], records[4]]
    for one, record in zip(event["observations"], wanted, strict=True):
        known = {name: value for name, value in one["metrics"].items() if name in record}
        assert record | known == record and objectives.keys() <= known.keys()
    lacking = {"its record has no f1": 1} if "f1" in objectives else {}
    assert (event["used"], event["skipped"]) == (len(wanted), lacking)
    search = Search(config(objectives=objectives, task=TASK))
    search.apply({**event, "time": 0.0})
    values = [[record[name] for name in objectives] for record in wanted]
    assert [trial.values for trial in optuna_study(search.study).trials] == values


@pytest.mark.parametrize("objective", ["accuracy", "accuracy_drop"])
def test_an_observation_keeps_its_examples_and_its_accuracy(tmp_path: Path, objective: str) -> None:
    ledger = sweep(config(), TRIALS[:1])
    ledger.events[-2].update(examples=3456, accuracy=0.875)
    way = "max" if objective == "accuracy" else "min"
    objectives = {objective: way, "sparsity": "max"}
    event = learn(ledger.write(tmp_path / "other"), objectives=objectives)
    metrics = event["observations"][0]["metrics"]
    assert (metrics["examples"], metrics["accuracy"]) == (3456, 0.875)
    assert metrics["accuracy_se"] == pytest.approx((0.875 * 0.125 / 3456) ** 0.5, rel=0.01)


INT8 = {"baseline": {"quantization": {"scheme": "int8"}}}
GRIDS = {"space": {**SPACE, "quantization": ["none", "int8"]}}


@pytest.mark.parametrize(
    ("theirs", "given", "ours", "found"),
    [
        ({}, None, {}, None),
        ({}, None, GRIDS, "none"),
        (INT8, None, GRIDS, "int8"),
        (INT8, None, INT8, None),
        (GRIDS, "none", {}, None),
        (GRIDS, "int8", GRIDS, "int8"),
        (GRIDS, "int8", INT8, None),
        (INT8 | GRIDS, "none", {}, None),
        (GRIDS, "int8", {}, "quantization is outside of none"),
        (INT8, None, {}, "quantization is outside of none"),
        (GRIDS, "none", INT8, "quantization is outside of int8"),
        ({}, None, INT8, "quantization is outside of int8"),
    ],
)
def test_grids_are_compared_by_what_they_amount_to(
    tmp_path: Path, theirs: Any, given: str | None, ours: Any, found: str | None
) -> None:
    trials: list[StudyParams] = [
        ({"sparsity": 0.5, "finetune_epochs": 1, "quantization": given}, [0, 1], "completed")
    ]
    event = learn(sweep(config(**theirs), trials).write(tmp_path / "other"), **ours)
    if found and " " in found:
        assert (event["used"], event["skipped"]) == (0, {found: 1})
    else:
        assert event["used"] == 1, event["skipped"]
        assert event["observations"][0]["params"].get("quantization") == found


DISTILLED = {"recover": {"distill": {"weight": 0.5, "temperature": 4.0}}}
WEIGHTS = {"space": {**SPACE, "distill_weight": [0.0, 0.5], "distill_temperature": [2.0, 4.0]}}


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        (DISTILLED, WEIGHTS, {"distill_weight": 0.5, "distill_temperature": 4.0}),
        ({}, WEIGHTS, {"distill_weight": 0.0, "distill_temperature": 2.0}),
        (DISTILLED, DISTILLED, {}),
        (DISTILLED, {}, "distill_weight is outside of 0.0"),
    ],
)
def test_so_is_distillation(tmp_path: Path, theirs: Any, ours: Any, found: Any) -> None:
    trials: list[StudyParams] = [({"sparsity": 0.5, "finetune_epochs": 1}, [0, 1], "completed")]
    event = learn(sweep(config(**theirs), trials).write(tmp_path / "other"), **ours)
    if isinstance(found, str):
        assert event["skipped"] == {found: 1}
    else:
        params = event["observations"][0]["params"]
        assert {k: v for k, v in params.items() if k.startswith("distill")} == found


def test_what_is_no_sweep_is_refused_and_so_is_itself(other: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(UsageError, match=folder.name):
            learn(folder)
    with pytest.raises(UsageError, match="this sweep itself"):
        learn(other, own=other)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_a_search_learns_from_its_ledger_alone(other: Path, sampler: str) -> None:
    settings = config(
        search={"sampler": sampler, "trials": 3, "constraints": {"accuracy_drop": {"max": 0.0}}}
    )
    event = learn(other, search={"constraints": {"accuracy_drop": {"max": 0.0}}})
    searches = [Search(settings).replay([event, event]) for _ in range(2)]  # once is enough
    for search in searches:
        assert search.study.learned == 2
        assert len(search.trials) == 0
    seen = optuna_study(searches[0].study).trials
    assert [trial.state for trial in seen] == [TrialState.COMPLETE] * 2
    assert [trial.params["finetune_epochs"] for trial in seen] == [2, 1]
    assert [trial.values for trial in seen] == [[0.92, 0.5], [0.81, 0.8]]
    assert [trial.constraints for trial in seen] == [{"accuracy_drop <= 0": 0.01}] * 2
    first = searches[0].propose()
    assert first["trial_id"] == "t00000"
    assert first == searches[1].propose()
