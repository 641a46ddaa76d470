"""The search's sampler in a plain Optuna study: the proposals of a sweep with the same records."""

from __future__ import annotations

import pickle
import runpy
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from sweep.errors import ConfigError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.record import standard_error
from sweep.search.ehvi import SEEN
from sweep.search.ehvi_sampler import EhviSampler
from tests.search.test_state import Driver, config

ROOT = Path(__file__).parents[2]

SPACE: dict[str, Any] = {
    "sparsity": {"low": 0.0, "high": 0.9},
    "method": ["l1-norm", "random"],
    "finetune_epochs": {"low": 0, "high": 7},
    "learning_rate": {"low": 1e-5, "high": 1e-2, "log": True},
}
CONDITIONAL = SPACE | {
    "scope": {"values": ["local", "global"], "when": {"method": "random"}},
    "granularity": ["element", "2:4"],
    "sparsity": {"low": 0.1, "high": 0.9, "step": 0.1},
}
SMALL = {"sparsity": [0.3, 0.5, 0.7], "method": ["l1-norm", "random"], "finetune_epochs": [1, 2]}
SMALL["learning_rate"] = [1e-4]
KNOWN = {"sparsity": lambda params: params["sparsity"]}


def sampler(space: dict[str, Any] = SPACE, seed: int = 0) -> EhviSampler:
    return EhviSampler(space, KNOWN, seed)


def study_with(own: EhviSampler, **more: Any) -> optuna.Study:
    return optuna.create_study(directions=["maximize", "maximize"], sampler=own, **more)


def sweep_with(space: dict[str, Any], workers: int, **search: Any) -> list[Event]:
    """The events of a sweep that failed and stopped trials are part of."""
    known = {"sampler": "ehvi", "reduction_factor": 2, "trials": 28} | search
    return Driver(config("ehvi", space=space, search=known)).run(workers)


def follow(study: optuna.Study, own: EhviSampler, events: list[Event]) -> None:
    """Let a study have what happened in a sweep, and compare each proposal."""
    running: dict[str, tuple[optuna.Trial, list[Any]]] = {}
    for event in events:
        if event["event"] == "trial":
            trial = study.ask()
            params = own.suggest(trial)
            assert params == event["params"], event["number"]
            running[event["trial_id"]] = trial, []
        elif event["event"] == "record":
            trial, records = running[event["trial_id"]]
            records.append((event["epoch"], event["accuracy"], standard_error(event, "accuracy")))
            trial.set_user_attr("records", records)
        elif event["event"] == "end":
            trial, records = running.pop(event["trial_id"])
            failed = event["status"] == "failed"
            values = None if failed else [records[-1][1], KNOWN["sparsity"](own.suggest(trial))]
            study.tell(trial, values, TrialState.FAIL if failed else TrialState.COMPLETE)


@pytest.mark.parametrize(
    ("space", "workers", "trials"),
    [(SPACE, 1, 28), (SPACE, 4, 18), (CONDITIONAL, 1, 28), (CONDITIONAL, 4, 18), (SMALL, 2, 28)],
)
def test_it_proposes_what_a_sweep_proposes(
    space: dict[str, Any], workers: int, trials: int
) -> None:
    """Spread first, then by the model; running, failed and stopped trials; nothing twice."""
    events = sweep_with(space, workers, trials=trials)
    kinds = "".join(event["event"][0] for event in events)  # t(rial), r(ecord), e(nd), ...
    seen = kinds[: kinds.rindex("t")].count("r")
    assert workers == 1 or seen <= SEEN, "beyond that, the order of records matters"
    ends = {event["status"] for event in events if event["event"] == "end"}
    assert len(ends) > 1
    own = sampler(space)
    follow(study_with(own), own, events)


def test_starting_points_are_enqueued_trials() -> None:
    starts = [{"sparsity": 0.5, "method": "random"}, {"learning_rate": 1e-4}]
    own = sampler()
    study = study_with(own)
    for start in starts:
        study.enqueue_trial(start)
    follow(study, own, sweep_with(SPACE, 1, starts=starts))


def test_a_study_loaded_from_storage_goes_on(tmp_path: Path) -> None:
    events = sweep_with(SPACE, 3)
    middle = [place for place, event in enumerate(events) if event["event"] == "trial"][16]
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    own = sampler()
    study = study_with(own, storage=storage, study_name="s")
    follow(study, own, events[:middle])
    again = pickle.loads(pickle.dumps(EhviSampler(SPACE, {"sparsity": sparsity})))
    loaded = optuna.load_study(study_name="s", storage=storage, sampler=again)
    assert again.suggest(loaded.ask()) == events[middle]["params"]


def sparsity(params: dict[str, Any]) -> float:
    return float(params["sparsity"])


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_what_the_objectives_are_called_and_which_way_they_go_changes_nothing() -> None:
    """A drop to be low, and a density in the place of a sparsity, in the other order."""
    own, turned = sampler(), EhviSampler(SPACE, {"density": lambda params: 1 - params["sparsity"]})
    study = study_with(own)
    other = optuna.create_study(directions=["minimize", "minimize"], sampler=turned)
    other.set_metric_names(["density", "drop"])
    for number in range(14):
        trial, mirror = study.ask(), other.ask()
        params = own.suggest(trial)
        assert turned.suggest(mirror) == pytest.approx(params)
        value = 0.9 - params["sparsity"] ** 3 - 0.1 * (params["method"] == "random")
        study.tell(trial, [value, params["sparsity"]])  # no records: the values stand for them
        other.tell(mirror, [1 - params["sparsity"], -value])
        assert number < 8 or trial.params["finetune_epochs"] >= 1


def test_a_study_stops_when_nothing_is_left_and_other_parameters_are_random() -> None:
    own = sampler(SMALL)

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        params = own.suggest(trial)
        trial.suggest_float("dropout", 0.0, 0.5)
        return 0.5, params["sparsity"]

    study = study_with(own)
    with pytest.warns(UserWarning, match="all configurations"):
        study.optimize(objective, n_trials=50)
    assert len(study.trials) == 12 + 1
    assert len({trial.params["dropout"] for trial in study.trials}) == 13


def test_threads_share_a_study() -> None:
    own = sampler()
    study = study_with(own)
    study.optimize(lambda trial: (0.5, own.suggest(trial)["sparsity"]), n_trials=24, n_jobs=4)
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}
    assert len(study.trials) == 24


@pytest.mark.parametrize(
    ("space", "known", "error", "words"),
    [
        ({"sparsity": {"low": 2}}, KNOWN, ConfigError, "space.sparsity"),
        (SPACE, {}, UsageError, "needs one objective"),
        (SPACE, {"size": lambda params: 1e6}, UsageError, r"size must have values in \[0, 1\]"),
    ],
)
def test_senseless_settings_are_refused(space: Any, known: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        EhviSampler(space, known)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("names", [["a", "b"], None])
def test_a_study_of_other_objectives_is_refused(names: list[str] | None) -> None:
    own = sampler()
    study = optuna.create_study(directions=["maximize"] * (2 if names else 3), sampler=own)
    if names:
        study.set_metric_names(names)
    with pytest.raises(UsageError, match="a metric and sparsity"):
        own.suggest(study.ask())


def test_the_examples_are_those_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """tests/stories/test_scheduler.py runs the other one."""
    page = (ROOT / "docs/search.md").read_text(encoding="utf-8")
    for name in ("optuna_study", "ray_tuner"):
        text = (ROOT / f"examples/{name}.py").read_text(encoding="utf-8")
        assert f"```python\n{text}```" in page and len(text.splitlines()) <= 25
    runpy.run_path(str(ROOT / "examples/optuna_study.py"))
    assert len(capsys.readouterr().out.splitlines()) >= 8
