"""The rest of the contract for every sampler: conditions, constraints, no repeats, large sweeps."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from sweep.search.samplers import GENERATION, POPULATION, SAMPLERS
from sweep.search.startup import STARTUP
from sweep.search.study import Params, Proposal, Study
from sweep.space.active import identity
from sweep.space.counting import size
from sweep.space.domains import Choice, Condition, Constant, Domain, Float, Int
from tests.search.studies import (
    BOTH,
    EVERY,
    LEARNING,
    ONE,
    TRAINED,
    VIOLATED,
    Log,
    aims,
    ask_and_begin,
    conditional,
    contents,
    count,
    drive,
    optuna_study,
    replay,
    space,
    values,
)

every_sampler = pytest.mark.parametrize("sampler", EVERY)


def small(**more: Domain) -> dict[str, Domain]:
    """Twelve configurations; in three of them the learning rate has no effect."""
    domains: dict[str, Domain] = {
        "sparsity": Choice((0.3, 0.5, 0.7)),
        "finetune_epochs": Choice((0, 2)),
        "learning_rate": Choice((1e-4, 1e-3, 1e-2)),
        "method": Constant("random"),
    }
    return domains | more


def exhaust(study: Study, objectives: dict[str, str], known: Sequence[Proposal] = ()) -> list[Any]:
    """All proposals of a space, ``known`` ones first; each trial ends at once."""
    found: list[Proposal] = []
    for proposal in itertools.chain(known, iter(lambda: study.ask(len(found)), None)):
        study.begin(len(found), *proposal)
        params, figures = proposal[0], values(proposal[0], objectives)
        study.observe(len(found), params, dict(zip(objectives, figures, strict=True)))
        study.finish(len(found), (params, figures))
        found.append(proposal)
        assert len(found) < 200
    return found


def active_parameters(params: Params) -> set[str]:
    there = {"sparsity", "method", "finetune_epochs"}
    there |= {"learning_rate"} if params["finetune_epochs"] >= 1 else set()
    return there | ({"scope"} if params["method"] == "random" else set())


@every_sampler
def test_only_active_parameters_are_proposed_and_stored(sampler: str) -> None:
    objectives = aims(sampler)
    study = Study(conditional(sampler), objectives, sampler, seed=2)
    log = drive(study, count(sampler), objectives)
    proposals = [arguments[1] for kind, arguments in log if kind == "begin"]
    # ehvi asks for no trial of 0 epochs, which any longer one holds
    assert {len(params) for params in proposals} >= ({4, 5} if sampler == "ehvi" else {3, 5})
    for params in proposals:
        assert set(params) == active_parameters(params)
    ended = [t for t in optuna_study(study).trials if t.state == TrialState.COMPLETE]
    for trial in ended:
        assert set(trial.params) == active_parameters(trial.params)


@every_sampler
def test_a_fixed_value_is_proposed_and_is_stored_if_the_space_has_it(sampler: str) -> None:
    """The half of 2:4 lies outside of this space's sparsities."""
    objectives = aims(sampler)
    domains = {
        **conditional(sampler),
        "sparsity": Float(0.7, 0.9, step=0.1 if sampler == "grid" else None),
        "granularity": Choice(("element", "2:4")),
    }
    study = Study(domains, objectives, sampler, seed=3)
    log = drive(study, count(sampler), objectives)
    proposals = [arguments[1] for kind, arguments in log if kind == "begin"]
    assert {params["granularity"] for params in proposals} == {"element", "2:4"}
    for params in proposals:
        assert (params["sparsity"] == 0.5) == (params["granularity"] == "2:4")
    trials = optuna_study(study).trials
    failed = [kind == "finish" and arguments[1] is None for kind, arguments in log]
    assert [trial.state for trial in trials].count(TrialState.FAIL) == sum(failed)
    for trial in trials:
        assert ("sparsity" in trial.params) == (trial.params["granularity"] == "element")


def test_a_parameter_that_an_early_stop_makes_inactive_is_not_stored() -> None:
    late = {"finetune_epochs": Int(0, 6), "learning_rate": Float(1e-5, 1e-3, when=TRAINED)}
    late["learning_rate"] = dataclasses.replace(
        late["learning_rate"], when=(Condition("finetune_epochs", low=4),)
    )
    study = Study({"sparsity": Float(0.1, 0.9), **late}, ONE, "random", seed=0)
    params = {"sparsity": 0.5, "finetune_epochs": 5, "learning_rate": 1e-4}
    study.begin(0, params, {})
    study.finish(0, ({**params, "finetune_epochs": 2}, [0.5]))
    (trial,) = optuna_study(study).trials
    assert trial.state == TrialState.COMPLETE
    assert trial.params == {"sparsity": 0.5, "finetune_epochs": 2}


@every_sampler
def test_no_configuration_is_proposed_twice_and_a_space_without_more_ends(sampler: str) -> None:
    objectives = aims(sampler)
    whole = exhaust(Study(small(), objectives, sampler, seed=0), objectives)
    found = [params for params, _ in whole]
    assert len({identity(params) for params in found}) == len(found) == size(small()) == 12
    untrained = Counter(params["sparsity"] for params in found if not params["finetune_epochs"])
    assert untrained == {0.3: 1, 0.5: 1, 0.7: 1}
    for crash in (0, 9):
        rest = Study(small(), objectives, sampler, seed=0)
        assert exhaust(rest, objectives, whole[:crash]) == whole


@every_sampler
def test_each_configuration_comes_once_under_each_seed_that_the_space_has(sampler: str) -> None:
    domains = small(seed=Choice((3, 5)), learning_rate=Choice((1e-4,)))
    objectives = aims(sampler)
    found = exhaust(Study(domains, objectives, sampler, seed=0), objectives)
    points = Counter((p["sparsity"], p["finetune_epochs"], p["seed"]) for p, _ in found)
    assert set(points) == set(itertools.product((0.3, 0.5, 0.7), (0, 2), (3, 5)))
    assert set(points.values()) == {1}


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_space_with_one_endless_corner_goes_on_in_it(sampler: str) -> None:
    """The discrete part is exhausted at once; only learning rates of longer trials are left."""
    domains: dict[str, Domain] = {
        "finetune_epochs": Int(0, 1),
        "learning_rate": Float(1e-5, 1e-3, log=True, when=TRAINED),
        "sparsity": Constant(0.5),
    }
    study = Study(domains, ONE, sampler, seed=0)
    found = [ask_and_begin(study, number) for number in range(30)]
    epochs = Counter(params["finetune_epochs"] for params in found if params)
    assert epochs == {0: 1, 1: 29}


def study_of_log(sampler: str, log: Log, sign: float = 1, broken: float = 1) -> Study:
    """The study of a log, with the values times ``sign``, and the violations times ``broken``."""
    study = Study(space(sampler), aims(sampler), sampler, 0)
    for kind, arguments in log:
        if kind == "begin":
            study.begin(arguments[0], arguments[1], {"trial": arguments[2].get("trial", {})})
        elif kind == "observe" or arguments[1] is None:
            replay(study, [(kind, arguments)])
        else:
            number, (params, found) = arguments
            beyond = {VIOLATED: broken * (params["sparsity"] - 0.5)}
            study.finish(number, (params, [sign * value for value in found]), beyond)
    return study


@every_sampler
def test_constraints_are_in_the_study_live_and_rebuilt(sampler: str) -> None:
    objectives = aims(sampler)
    unconstrained = Study(space(sampler), objectives, sampler, seed=0)
    log = drive(unconstrained, count(sampler), objectives)
    study, again = study_of_log(sampler, log), study_of_log(sampler, log)
    completed = [t for t in optuna_study(study).trials if t.state == TrialState.COMPLETE]
    assert len(completed) > 8
    for trial in completed:
        assert trial.constraints == {VIOLATED: pytest.approx(trial.params["sparsity"] - 0.5)}
    assert contents(again) == contents(study)
    assert again.ask(count(sampler)) == study.ask(count(sampler))


@pytest.mark.parametrize("turned", [{"sign": -1}, {"broken": -1}])
@pytest.mark.parametrize("sampler", LEARNING)
def test_values_and_violations_change_the_proposal(sampler: str, turned: dict[str, float]) -> None:
    """The same trials with other values, or with other violations, change the proposal."""
    objectives = aims(sampler)
    log = drive(Study(space(sampler), objectives, sampler, 0), count(sampler), objectives, 0)
    one, other = study_of_log(sampler, log), study_of_log(sampler, log, **turned)
    assert one.ask(count(sampler)) != other.ask(count(sampler))


# Starting points.


@every_sampler
def test_starting_points_come_first_completed_and_the_same_again(sampler: str) -> None:
    domains = conditional(sampler)
    starts: list[dict[str, Any]] = [
        {"sparsity": 0.5, "method": "random"},
        {"learning_rate": 1e-4},
        {"scope": "global", "finetune_epochs": 0},
    ]

    def firsts(seed: int) -> list[Params]:
        study = Study(domains, aims(sampler), sampler, seed, starts=starts)
        return [params for n in range(6) if (params := ask_and_begin(study, n))]

    found = firsts(0)
    for start, params in zip(starts, found, strict=False):
        assert params.items() >= start.items()
        assert set(params) == active_parameters(params)
        assert all(domains[name].contains(value) for name, value in params.items())
    assert found == firsts(0)
    assert found[0] != firsts(1)[0]
    assert len({identity(params) for params in found}) == 6


def test_the_even_spread_follows_the_starting_points_whole() -> None:
    domains = space("tpe")
    plain = Study(domains, BOTH, "tpe", seed=0)
    started = Study(domains, BOTH, "tpe", seed=0, starts=[{"sparsity": 0.5}] * 2)
    spread = [ask_and_begin(plain, number) for number in range(STARTUP)]
    assert [ask_and_begin(started, n) for n in range(2 + STARTUP)][2:] == spread


# Observations of other sweeps.


@every_sampler
def test_observations_of_other_sweeps_come_first_and_change_no_number(sampler: str) -> None:
    domains, objectives = space(sampler), aims(sampler)
    donor = Study(domains, objectives, sampler, seed=9)
    log = drive(donor, count(sampler), objectives)
    seen = [arguments[1] for kind, arguments in log if kind == "finish" and arguments[1]]

    def taught() -> Study:
        study = Study(domains, objectives, sampler, seed=1)
        for observation in seen:
            study.learn(observation, {}, dict(zip(objectives, observation[1], strict=True)))
        return study

    study = taught()
    number = {"nsga2": count("nsga2"), "gp": 3}.get(sampler, 14)
    own = drive(study, number, objectives)
    trials = optuna_study(study).trials
    assert study.learned == len(seen)
    assert [t.values for t in trials[: len(seen)]] == [observation[1] for observation in seen]
    for kind, arguments in own:
        if kind == "finish" and arguments[1]:
            assert trials[len(seen) + arguments[0]].values == arguments[1][1]
    again = taught()
    replay(again, own)
    assert contents(again) == contents(study)


@pytest.mark.parametrize("sampler", LEARNING)
def test_observations_of_other_sweeps_change_the_first_proposal(sampler: str) -> None:
    domains, objectives = space(sampler), aims(sampler)

    def firsts(sign: int) -> list[Any]:
        random = np.random.default_rng(0)
        study = Study(domains, objectives, sampler, seed=0)
        for sparsity in random.uniform(0.1, 0.9, 24):
            params = {"sparsity": float(sparsity), "method": "random", "scope": "local"}
            params |= {"finetune_epochs": 2, "learning_rate": 1e-4}
            drawn = [sign * float(value) for value in random.normal(size=len(objectives))]
            study.learn((params, drawn), {}, {})
        return [study.ask(number) for number in range(2)]

    assert firsts(1) == firsts(1)
    assert firsts(1) != firsts(-1)


# Large sweeps.


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_shown_a_part_of_the_trials_a_sampler_is_still_pure_and_replayed(sampler: str) -> None:
    """More trials have ended, and more run, than any sampler sees."""
    how, domains, random = SAMPLERS[sampler], space(sampler), np.random.default_rng(0)
    ended, running = how.finished + 50, how.running + 10

    trials = [
        {"sparsity": float(s), "method": "random", "scope": "local"}
        | {"finetune_epochs": number % 6, "learning_rate": 1e-4}
        for number, s in enumerate(random.uniform(0.1, 0.9, ended + running))
    ]

    def driven() -> Study:
        study = Study(domains, BOTH, sampler, seed=1)
        for number, params in enumerate(trials):
            attrs = {"trial": {GENERATION: number // POPULATION}} if sampler == "nsga2" else {}
            study.begin(number, params, attrs)
            if number < ended:
                study.finish(number, (params, values(params, BOTH)))
        return study

    study, number = driven(), ended + running
    before = contents(study)
    assert study.ask(number) == study.ask(number) == driven().ask(number)
    assert contents(study) == before
