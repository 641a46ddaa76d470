"""One contract for every sampler: pure proposals, told truths, a replay that changes nothing."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import pytest
from optuna.trial import TrialState

from sweep.config.fields import SAMPLERS as NAMES
from sweep.errors import SweepError, UsageError
from sweep.search.samplers import POPULATION, SAMPLERS
from sweep.search.study import Study
from sweep.space.domains import Constant, Domain, Float
from tests.search.studies import (
    BOTH,
    EPOCHS,
    LEARNING,
    ONE,
    aims,
    contents,
    count,
    drive,
    replay,
    space,
)


def test_there_is_a_sampler_for_every_name() -> None:
    assert {"auto", *SAMPLERS} == set(NAMES)


@pytest.mark.parametrize("objectives", [BOTH, ONE], ids=["both", "one"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_replayed_study_is_the_live_one_trial_by_trial(
    sampler: str, objectives: dict[str, str]
) -> None:
    domains = space(sampler, EPOCHS["range"])
    live = Study(domains, objectives, sampler, seed=1)
    log = drive(live, count(sampler), objectives)
    again = Study(domains, objectives, sampler, seed=1)
    replay(again, log)
    assert contents(again) == contents(live)
    number = count(sampler)
    assert again.ask(number) == live.ask(number)
    assert contents(again) == contents(live)


@pytest.mark.parametrize("epochs", EPOCHS)
@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "gp"])
def test_proposals_lie_in_the_space_and_survive_json(sampler: str, epochs: str) -> None:
    domains = space(sampler, EPOCHS[epochs])
    log = drive(Study(domains, BOTH, sampler, seed=0), count(sampler), BOTH)
    proposals = [arguments[1] for kind, arguments in log if kind == "begin"]
    assert len(proposals) == count(sampler)
    for params in proposals:
        assert list(params) == list(domains)
        assert all(domain.contains(params[name]) for name, domain in domains.items())
        assert isinstance(params["finetune_epochs"], int)


@pytest.mark.parametrize("epochs", ["narrow", "constant"])
def test_gp_keeps_to_a_space_narrower_than_what_it_is_told(epochs: str) -> None:
    domains = space("gp", EPOCHS[epochs])
    log = drive(Study(domains, ONE, "gp", seed=0), 14, ONE)
    for params in [arguments[1] for kind, arguments in log if kind == "begin"]:
        assert all(domain.contains(params[name]) for name, domain in domains.items())


@pytest.mark.parametrize("epochs", EPOCHS)
@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_a_single_objective_study_proposes_from_every_kind_of_epochs(
    sampler: str, epochs: str
) -> None:
    """With one objective TPE samples jointly, over what was told, and not what may be asked."""
    domains = space(sampler, EPOCHS[epochs])
    log = drive(Study(domains, ONE, sampler, seed=0), count(sampler), ONE)
    for params in [arguments[1] for kind, arguments in log if kind == "begin"]:
        assert all(domain.contains(params[name]) for name, domain in domains.items())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_asking_leaves_no_trace_and_repeats_itself(sampler: str) -> None:
    study = Study(space(sampler, EPOCHS["range"]), aims(sampler), sampler, seed=0)
    drive(study, count(sampler), aims(sampler))
    before = contents(study)
    number = count(sampler)
    assert study.ask(number) == study.ask(number)
    assert contents(study) == before


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "grid"])
def test_the_seed_is_honoured_and_each_number_has_its_own_stream(sampler: str) -> None:
    def firsts(seed: int) -> list[Any]:
        study = Study(space(sampler, EPOCHS["range"]), BOTH, sampler, seed)
        return [study.ask(0), study.ask(1), study.ask(2)]

    assert firsts(5) == firsts(5)
    seen = [proposal[0]["sparsity"] for seed in (5, 6) for proposal in firsts(seed)]
    assert len(set(seen)) == 6


@pytest.mark.parametrize("sampler", LEARNING)
def test_what_is_told_matters(sampler: str) -> None:
    """The same trials with other values lead elsewhere."""
    domains = space(sampler, EPOCHS["range"])
    objectives = aims(sampler)
    log = drive(Study(domains, objectives, sampler, seed=0), count(sampler), objectives, 0)
    nexts = []
    for sign in (1, -1):
        study = Study(domains, objectives, sampler, seed=0)
        for kind, arguments in log:
            if kind == "begin":
                study.begin(arguments[0], arguments[1], {"trial": arguments[2].get("trial", {})})
            else:
                number, told = arguments
                study.finish(number, told and (told[0], [sign * value for value in told[1]]))
        nexts.append([study.ask(count(sampler))])
    assert nexts[0] != nexts[1]


@pytest.mark.parametrize("epochs", ["range", "narrow", "stepped", "log", "constant"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_stopped_trial_is_told_as_the_truth(sampler: str, epochs: str) -> None:
    study = Study(space(sampler, EPOCHS[epochs]), BOTH, sampler, seed=0)
    proposal = study.ask(0)
    assert proposal is not None
    study.begin(0, *proposal)
    truth = {**proposal[0], "finetune_epochs": 1}
    study.finish(0, (truth, [0.5, 10]))
    (trial,) = study.optuna_study.trials
    assert (trial.state, trial.values) == (TrialState.COMPLETE, [0.5, 10.0])
    assert trial.params == {name: truth[name] for name in trial.params}
    assert trial.params["finetune_epochs"] == 1


def test_of_a_list_of_epochs_only_those_can_be_told() -> None:
    study = Study(space("tpe", EPOCHS["choice"]), BOTH, "tpe", seed=0)
    assert [e for e in range(7) if study.can_tell(e)] == [1, 2, 5]
    for number, epoch in enumerate([2, 3]):
        proposal = study.ask(number)
        assert proposal is not None
        study.begin(number, *proposal)
        study.finish(number, ({**proposal[0], "finetune_epochs": epoch}, [0.5, 10]))
    states = [(t.state, t.params["finetune_epochs"]) for t in study.optuna_study.trials]
    assert states[0] == (TrialState.COMPLETE, 2)
    assert states[1][0] == TrialState.FAIL


@pytest.mark.parametrize("told", [None, [float("nan"), 1.0], [0.5, float("inf")]])
def test_what_gave_no_values_is_told_as_failed_and_nothing_runs_for_ever(
    told: list[float] | None,
) -> None:
    study = Study(space("tpe", EPOCHS["range"]), BOTH, "tpe", seed=0)
    proposal = study.ask(0)
    assert proposal is not None
    study.begin(0, *proposal)
    states = [study.optuna_study.trials[0].state]
    study.finish(0, (proposal[0], told) if told else None)
    states.append(study.optuna_study.trials[0].state)
    assert states == [TrialState.RUNNING, TrialState.FAIL]


def test_nsga2_counts_stopped_trials_in_its_generations_and_keeps_its_parents() -> None:
    study = Study(space("nsga2", EPOCHS["range"]), BOTH, "nsga2", seed=0)
    log = drive(study, count("nsga2"), BOTH)
    key = "NSGAIISampler:generation"
    complete = [t for t in study.optuna_study.trials if t.state == TrialState.COMPLETE]
    generations = [t.system_attrs[key] for t in complete]
    assert max(generations) == 2
    assert all(generations.count(g) >= POPULATION for g in (0, 1))
    parents = [a[2]["study"] for kind, a in log if kind == "begin" and "study" in a[2]]
    assert [list(found) for found in parents] == [[f"NSGAIISampler:parent:{g}"] for g in (1, 2)]


def test_nsga2_chooses_parents_again_until_their_first_child_begins() -> None:
    domains = space("nsga2", EPOCHS["range"])
    log = drive(Study(domains, BOTH, "nsga2", seed=0), count("nsga2"), BOTH)
    first = next(i for i, (kind, a) in enumerate(log) if kind == "begin" and "study" in a[2])
    study = Study(domains, BOTH, "nsga2", seed=0)
    replay(study, log[:first])
    before = contents(study)
    number, params, sampler_attrs = log[first][1]
    for _ in range(2):
        assert study.ask(number) == (params, sampler_attrs)
        assert contents(study) == before


def test_the_grid_is_every_combination_once_and_then_ends() -> None:
    domains = space("grid", EPOCHS["choice"])
    study = Study(domains, BOTH, "grid", seed=0)
    points: list[tuple[Any, ...]] = []
    while (proposal := study.ask(len(points))) is not None:
        points.append(tuple(proposal[0].values()))
    product = list(itertools.product(*(domain.grid() for domain in domains.values())))
    assert points == product
    assert len(points) == 17 * 2 * 3 * 2


def test_an_endless_range_has_no_grid() -> None:
    with pytest.raises(UsageError, match="learning_rate"):
        Study({"learning_rate": Float(1e-5, 1e-3)}, BOTH, "grid", seed=0)


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'tpo'.*allowed: ehvi"):
        Study({}, BOTH, "tpo", seed=0)


def test_trials_begin_in_order() -> None:
    study = Study(space("random", EPOCHS["range"]), BOTH, "random", seed=0)
    proposal = study.ask(1)
    assert proposal is not None
    with pytest.raises(SweepError, match="trial 0 comes next"):
        study.begin(1, *proposal)


def test_a_space_of_constants_is_asked_for_once() -> None:
    constants: dict[str, Domain] = {name: Constant(1) for name in ("sparsity", "finetune_epochs")}
    for sampler in SAMPLERS:
        study = Study(constants, BOTH, sampler, seed=0)
        params, attrs = study.ask(0) or ({}, {})
        assert params == {"sparsity": 1, "finetune_epochs": 1}
        study.begin(0, params, attrs)
        study.finish(0, (params, [0.5, 10]))
        assert study.ask(1) is None


def test_objectives_have_their_names_and_directions() -> None:
    study = Study(space("tpe", EPOCHS["range"]), BOTH, "tpe", seed=0).optuna_study
    assert study.metric_names == ["accuracy", "size_bytes"]
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]


def test_only_gp_needs_torch() -> None:
    code = (
        "import sys; from sweep.search.study import Study; from sweep.space.domains import Float;"
        "s = Study({'sparsity': Float(0, 0.9)}, {'accuracy': 'max'}, 'tpe', 0); s.ask(0);"
        "print(sorted({'torch', 'ray'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
