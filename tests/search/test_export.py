"""A sweep as a file that Optuna and its dashboard can open."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from sweep.config import SweepConfig
from sweep.errors import StorageError, UsageError
from sweep.search.optuna_file import export_study
from tests.harness.command import assert_refused, call
from tests.search.test_warm import SPACE, TRIALS, config, sweep

CONSTRAINED = {"constraints": {"accuracy_drop": {"max": 0.005}}}


def load_exported(path: Path) -> optuna.Study:
    """The one study in a file, as Optuna opens it."""
    if path.suffix == ".db":
        return optuna.load_study(study_name=None, storage=f"sqlite:///{path}")
    return optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(path))))


def settings() -> SweepConfig:
    return config(search=CONSTRAINED, space=SPACE)


@pytest.mark.parametrize("form", [".db", ".log"])
def test_each_ended_trial_is_there_with_what_is_known_of_it(tmp_path: Path, form: str) -> None:
    target = tmp_path / f"study{form}"
    assert export_study(settings(), sweep(settings(), TRIALS).events, target) == 3
    study = load_exported(target)
    assert study.study_name == "w"
    assert study.metric_names == ["accuracy", "sparsity"]
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MAXIMIZE"]
    done, stopped, failed = study.trials
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 2 + [TrialState.FAIL]
    assert done.values == [0.92, 0.5]
    assert stopped.params["finetune_epochs"] == 1 == stopped.user_attrs["epoch"]
    known = {"trial_id": "t00001", "status": "stopped", "accuracy": 0.81}
    assert stopped.user_attrs.items() >= known.items()
    assert done.constraints == {"accuracy_drop <= 0.005": pytest.approx(0.005)}
    assert failed.user_attrs["status"] == "failed" and failed.values is None
    assert done.duration.total_seconds() == pytest.approx(30)  # three records lie between
    assert [file.name for file in tmp_path.iterdir() if file.name[0] == "."] == []


def test_what_it_learned_from_others_is_no_trial_of_it(tmp_path: Path) -> None:
    own = sweep(settings(), TRIALS).events
    metrics = {"accuracy": 0.5, "sparsity": 0.5, "accuracy_drop": 0.0}
    observation = {"params": own[1]["params"], "metrics": metrics}
    warm = {"event": "warm", "source": "other", "observations": [observation] * 4}
    target = tmp_path / "study.log"
    assert export_study(settings(), [own[0], warm, *own[1:]], target) == 3
    assert [t.user_attrs["trial_id"] for t in load_exported(target).trials] == [
        "t00000", "t00001", "t00002",
    ]  # fmt: skip


def test_a_file_that_is_there_is_never_touched(tmp_path: Path) -> None:
    target = tmp_path / "study.db"
    target.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        export_study(settings(), [], target)
    assert target.read_text() == "mine"
    with pytest.raises(UsageError, match=r"end in \.db or \.log"):
        export_study(settings(), [], tmp_path / "study.csv")
    with pytest.raises(StorageError, match="cannot write"):
        export_study(settings(), [], tmp_path / "nowhere" / "study.log")
    assert [file.name for file in tmp_path.iterdir()] == ["study.db"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sweep(settings(), TRIALS).write(tmp_path / "sweep")
    done = call(capsys, "export-study", folder)
    assert done.code == 0
    assert done.out == (
        f"{folder}/study.db: 3 trials; to open them: optuna-dashboard sqlite:///{folder}/study.db\n"
    )
    assert len(load_exported(folder / "study.db").trials) == 3
    assert_refused(call(capsys, "export-study", folder), 2, "exists already", "--to")
    assert_refused(call(capsys, "export-study", tmp_path), 2, "is not a sweep")
    help_text = call(capsys, "export-study", "--help").out
    assert "optuna-dashboard" in help_text and ".log" in help_text
