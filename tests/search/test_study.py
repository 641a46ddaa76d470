"""One contract for every sampler: pure proposals, true observations, replays without change."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from sweep import registry
from sweep.errors import SweepError, UsageError
from sweep.search.optuna_study import suggest
from sweep.search.samplers import GENERATION, PARENTS, POPULATION, SAMPLERS, sampler_seed
from sweep.search.study import Study
from sweep.space.domains import Constant, Domain, Float
from tests.search.studies import (
    BOTH,
    EPOCHS,
    EVERY,
    ONE,
    Log,
    ask_and_begin,
    conditional,
    contents,
    count,
    drive,
    optuna_study,
    replay,
    space,
)


def named(value: Any) -> str:
    """The name of a case: objectives are named by their number."""
    return str(len(value)) if isinstance(value, dict) else getattr(value, "__name__", str(value))


def first_child(log: Log) -> int:
    """The place in a log of NSGA-II at which the first trial of a second generation begins."""
    return next(i for i, (kind, given) in enumerate(log) if kind == "begin" and "study" in given[2])


CASES = [
    *itertools.product(
        [name for name in SAMPLERS if name != "gp"], [space, conditional], [BOTH, ONE]
    ),
    *(pytest.param("gp", kind, ONE, marks=pytest.mark.slow) for kind in (space, conditional)),
]


@pytest.mark.parametrize(("sampler", "kind", "objectives"), CASES, ids=named)
def test_asking_leaves_no_trace_and_a_replayed_study_is_the_live_one(
    sampler: str, kind: Callable[[str], dict[str, Domain]], objectives: dict[str, str]
) -> None:
    live = Study(kind(sampler), objectives, sampler, seed=1)
    log, number = drive(live, count(sampler), objectives), count(sampler)
    before = contents(live)
    assert live.ask(number) == live.ask(number)
    assert contents(live) == before
    again = Study(kind(sampler), objectives, sampler, seed=1)
    replay(again, log)
    assert contents(again) == before
    assert again.ask(number) == live.ask(number)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_stock_sampler_proposes_what_optuna_proposes_to_a_study_of_the_same_trials(
    sampler: str,
) -> None:
    """NSGA-II at the first trial of a generation, for which it chooses parents."""
    domains = space(sampler)
    log = drive(Study(domains, BOTH, sampler, seed=0), count(sampler), BOTH)
    if sampler == "nsga2":
        log = log[: first_child(log)]
    ours = Study(domains, BOTH, sampler, seed=0)
    replay(ours, log)
    number = len(optuna_study(ours).trials)
    how = SAMPLERS[sampler]
    theirs = optuna.create_study(
        directions=["maximize", "minimize"], sampler=how.make(sampler_seed(0, number))
    )
    theirs.add_trials(optuna_study(ours).trials)
    trial = theirs.ask()
    asked = suggest(trial, domains)
    proposal = ours.ask(number)
    assert proposal[0] == asked


@pytest.mark.parametrize(
    ("sampler", "objectives", "epochs"),
    [
        *((s, BOTH, e) for s in SAMPLERS if s != "gp" for e in EPOCHS),
        # With one objective TPE samples jointly from observed values, some outside of the space.
        *((s, ONE, e) for s in ("tpe", "nsga2") for e in EPOCHS),
        *(pytest.param("gp", ONE, e, marks=pytest.mark.slow) for e in ("narrow", "constant")),
    ],
    ids=named,
)
def test_proposals_lie_in_the_space_and_survive_json(
    sampler: str, objectives: dict[str, str], epochs: str
) -> None:
    domains = space(sampler, EPOCHS[epochs])
    log = drive(Study(domains, objectives, sampler, seed=0), count(sampler), objectives)
    proposals = [arguments[1] for kind, arguments in log if kind == "begin"]
    assert len(proposals) == count(sampler)
    kept = [arguments[2] for kind, arguments in log if kind == "begin" and arguments[2]]
    assert bool(kept) == (sampler == "nsga2")  # what the ledger keeps for a sampler
    for params in proposals:
        assert list(params) == list(domains)
        assert all(domain.contains(params[name]) for name, domain in domains.items())
        assert isinstance(params["finetune_epochs"], int)


@pytest.mark.parametrize("sampler", [name for name in EVERY if name != "grid"])
def test_the_seed_is_honoured_and_each_number_has_its_own_stream(sampler: str) -> None:
    def firsts(seed: int) -> list[Any]:
        study = Study(space(sampler), BOTH, sampler, seed)
        return [study.ask(0), study.ask(1), study.ask(2)]

    assert firsts(5) == firsts(5)
    seen = [proposal[0]["sparsity"] for seed in (5, 6) for proposal in firsts(seed)]
    assert len(set(seen)) == 6


@pytest.mark.parametrize("epochs", ["range", "narrow", "stepped", "log", "constant"])
@pytest.mark.parametrize("sampler", EVERY)
def test_a_stopped_trial_has_the_epochs_that_it_reached(sampler: str, epochs: str) -> None:
    study = Study(space(sampler, EPOCHS[epochs]), BOTH, sampler, seed=0)
    params = ask_and_begin(study, 0)
    truth = {**params, "finetune_epochs": 1}
    study.finish(0, (truth, [0.5, 10]))
    (trial,) = optuna_study(study).trials
    assert (trial.state, trial.values) == (TrialState.COMPLETE, [0.5, 10.0])
    assert trial.params == {name: truth[name] for name in trial.params}
    assert trial.params["finetune_epochs"] == 1


def test_of_a_list_of_epochs_only_those_are_stored() -> None:
    study = Study(space("tpe", EPOCHS["choice"]), BOTH, "tpe", seed=0)
    assert [e for e in range(7) if study.params.has_epoch(e)] == [1, 2, 5]


def test_a_trial_without_an_observation_is_failed() -> None:
    study = Study(space("tpe", EPOCHS["choice"]), BOTH, "tpe", 0)
    ask_and_begin(study, 0)
    states = [optuna_study(study).trials[0].state]
    study.finish(0, None)
    states.append(optuna_study(study).trials[0].state)
    assert states == [TrialState.RUNNING, TrialState.FAIL]


def test_nsga2_names_parents_by_their_places_when_it_is_shown_a_part_of_the_trials() -> None:
    """A generation is full once as many have ended, those that were stopped among them."""
    study = Study(space("nsga2"), BOTH, "nsga2", seed=0)
    log = drive(study, 360, BOTH)
    trials = optuna_study(study).trials
    how = SAMPLERS["nsga2"]
    assert how.finished < sum(t.state == TrialState.COMPLETE for t in trials)
    ended = [t.system_attrs[GENERATION] for t in trials if t.state == TrialState.COMPLETE]
    assert all(ended.count(generation) >= POPULATION for generation in range(max(ended)))
    chosen: dict[str, list[int]] = {}
    for kind, given in log:
        chosen |= given[2].get("study", {}) if kind == "begin" else {}
    before: list[int] = []
    for generation, (key, parents) in enumerate(chosen.items(), 1):
        assert key == f"{PARENTS}{generation}"
        assert len(set(parents)) == POPULATION
        for place in parents:
            assert trials[place].state == TrialState.COMPLETE
            own = trials[place].system_attrs[GENERATION]
            assert own == generation - 1 or place in before
        before = parents
    assert len(chosen) == max(ended) > 2


def test_nsga2_chooses_parents_again_until_their_first_child_begins() -> None:
    domains = space("nsga2")
    log = drive(Study(domains, BOTH, "nsga2", seed=0), count("nsga2"), BOTH)
    first = first_child(log)
    study = Study(domains, BOTH, "nsga2", seed=0)
    replay(study, log[:first])
    before = contents(study)
    number, params, sampler_attrs = log[first][1]
    for _ in range(2):
        assert study.ask(number) == (params, sampler_attrs)
        assert contents(study) == before


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'tpo'.*allowed: ehvi"):
        Study({"learning_rate": Float(1e-5, 1e-3)}, BOTH, "tpo", seed=0)


def test_a_registered_function_is_a_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the default bounds: TPE's. The name is that of a package's entry point."""
    monkeypatch.setattr(registry.SAMPLERS, "_things", {})
    registry.SAMPLERS.register("own", lambda seed: optuna.samplers.TPESampler(seed=seed))
    log = drive(Study(space("tpe"), BOTH, "random", seed=0), count("tpe"), BOTH)
    own, tpe = (Study(space("tpe"), BOTH, name, seed=0) for name in ("own", "tpe"))
    for study in (own, tpe):
        replay(study, log)
    number = count("tpe")
    assert own.ask(number) == tpe.ask(number) != Study(space("tpe"), BOTH, "own", 0).ask(number)


def test_trials_begin_in_order() -> None:
    study = Study(space("random"), BOTH, "random", seed=0)
    proposal = study.ask(1)
    with pytest.raises(SweepError, match="trial 0 comes next"):
        study.begin(1, *proposal)


@pytest.mark.parametrize("sampler", EVERY)
def test_a_space_of_constants_is_asked_for_once(sampler: str) -> None:
    constants: dict[str, Domain] = {name: Constant(1) for name in ("sparsity", "finetune_epochs")}
    study = Study(constants, BOTH, sampler, seed=0)
    params = ask_and_begin(study, 0)
    assert params == {"sparsity": 1, "finetune_epochs": 1}
    study.finish(0, (params, [0.5, 10]))
    assert study.ask(1) is None
