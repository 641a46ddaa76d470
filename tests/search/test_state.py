"""The search as a fold: a sweep cut at any event and rebuilt goes on as if nothing had happened."""

from __future__ import annotations

import json
import operator
from collections import Counter
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState as OptunaState

from sweep.config import SweepConfig
from sweep.config.fields import LR_SCHEDULES
from sweep.ledger.events import Event
from sweep.search.jobs import TrialState
from sweep.search.replay import Search
from tests.search.studies import LEARNING, optuna_study

EXAMPLES = 2000


def config(sampler: str = "tpe", **overrides: Any) -> SweepConfig:
    """A sweep over a closed-form task; ``overrides`` replace whole sections."""
    sparsity = {"low": 0.0, "high": 0.9} | ({"step": 0.3} if sampler == "grid" else {})
    trials = {"gp": 12, "nsga2": 40}.get(sampler, 18)
    plain = {
        "name": "closed-form",
        "task": {"dataset": "digits"},
        "space": {
            "sparsity": sparsity,
            "method": ["l1-norm", "random"],
            "finetune_epochs": [0, 2, 5] if sampler == "grid" else {"low": 0, "high": 7},
            "learning_rate": 1e-3
            if sampler == "grid"
            else {"low": 1e-5, "high": 1e-2, "log": True},
        },
        "search": {"sampler": sampler, "trials": trials, "reduction_factor": 2},
    }
    if sampler == "gp":  # two objectives take it seconds
        plain["objectives"] = {"accuracy": "max"}
    return SweepConfig.model_validate(plain | overrides)


def accuracy(params: dict[str, Any], seed: int, epoch: int) -> float:
    """A formula: dense models, l1-norm, a good learning rate and epochs are better; with noise."""
    cost = params["sparsity"] ** 3 * (0.3 if params["method"] == "l1-norm" else 0.5)
    unfit = 0.2 * abs(np.log10(params["learning_rate"]) + 4)
    noise = np.random.default_rng([seed, epoch]).normal(0, 0.01)
    share = 0.9 - cost - unfit * (1 - 0.7**epoch) - 0.2 * params["sparsity"] * 0.5**epoch + noise
    return float(round(EXAMPLES * min(max(share, 0.1), 1)) / EXAMPLES)


def record(trial: TrialState, epoch: int, attempt: int, partial: bool = False) -> Event:
    return {
        "event": "record",
        "trial_id": trial.trial_id,
        "attempt": attempt,
        "stage": "recovered" if epoch else "pruned",
        "epoch": epoch,
        "partial": partial,
        "accuracy": accuracy(trial.params, trial.seed, epoch),
        "examples": EXAMPLES,
        "sparsity": trial.params["sparsity"],
    }


class Driver:
    """A small driver: every event goes through JSON to the ledger, then to the search."""

    def __init__(self, settings: SweepConfig, events: list[Event] | None = None) -> None:
        self.search = Search(settings)
        self.linear = settings.recover.lr_schedule == "linear"
        self.ledger: list[Event] = []
        self.emit(*(events or []))
        self.emit(*self.search.missing_events())

    def emit(self, *events: Event | None) -> None:
        for event in filter(None, events):
            self.ledger.append(json.loads(json.dumps(event, allow_nan=False)))
            self.search.apply(self.ledger[-1])

    def start(self, trial: TrialState) -> None:
        self.emit(trial.start_event(trial.attempt + 1))

    def step(self, trial: TrialState) -> None:
        """One epoch of one trial; learning rates above 5e-3 diverge at epoch 2."""
        epoch = 0 if trial.last_epoch is None else trial.last_epoch + 1
        if epoch == 2 and trial.params["learning_rate"] > 5e-3:
            self.emit(trial.end_event("failed", "the loss is not finite"))
            return
        partial = epoch < (trial.finetune_epochs if self.linear else trial.ramp_epochs)
        event = record(trial, epoch, trial.attempt, partial) | self.figures(trial, epoch)
        assert self.search.accepts(event)
        self.emit(event)
        self.emit(self.search.judge(event))
        self.emit(trial.due_end())

    def figures(self, trial: TrialState, epoch: int) -> dict[str, Any]:
        """Further figures of a record."""
        return {}

    def run(self, workers: int = 1, most: float = float("inf"), seed: int = 0) -> list[Event]:
        """Run until the search ends, or the ledger has ``most`` events."""
        random = np.random.default_rng(seed)
        running: list[TrialState] = []
        waiting = self.search.unfinished()
        while len(self.ledger) < most:
            while len(running) < workers and (trial := self.next_trial(waiting)):
                self.start(trial)
                running.append(trial)
            if not running:
                break
            self.step(running[int(random.integers(len(running)))])
            running = [trial for trial in running if trial.status == "running"]
        return self.ledger

    def next_trial(self, waiting: list[TrialState]) -> TrialState | None:
        if waiting:
            return waiting.pop(0)
        event = self.search.propose()
        self.emit(event)
        return self.search.trials[event["trial_id"]] if event else None


def story(events: list[Event]) -> list[Event]:
    """The events without starts, attempts and times."""
    return [
        {key: value for key, value in event.items() if key not in ("attempt", "time")}
        for event in events
        if event["event"] != "start"
    ]


def observed(search: Search) -> list[Any]:
    trials = optuna_study(search.study).trials
    return [(t.number, t.state, t.params, t.values, t.system_attrs) for t in trials]


STRIDE = {"gp": 12, "nsga2": 6, "tpe": 3, "grid": 3}
"""Every cut for one sampler, fewer for the slow ones."""


@pytest.mark.parametrize("sampler", [*LEARNING, "random", "grid"])
def test_a_sweep_cut_at_any_event_goes_on_as_if_undisturbed(sampler: str) -> None:
    settings = config(sampler)
    whole = Driver(settings).run()
    kinds = [event["event"] for event in whole]
    assert kinds.count("end") == kinds.count("trial") >= 12
    assert {"continue", "stop"} <= {event.get("action") for event in whole}
    for cut in range(0, len(whole) + 1, STRIDE.get(sampler, 1)):
        resumed = Driver(settings, whole[:cut]).run(most=cut + 12)
        expected = story(whole)
        assert story(resumed) == expected[: len(story(resumed))]
        assert len(story(resumed)) >= min(len(story(whole[:cut])) + 6, len(expected))


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random", "grid"])
def test_a_replay_of_many_workers_gives_the_same_state_at_every_event(sampler: str) -> None:
    settings = config(sampler)
    live = Driver(settings)
    for most in range(20, 160, 20):
        events = live.run(workers=4, most=most)
        copy = Search(settings).replay(events)
        assert copy.trials
        assert copy.missing_events() == live.search.missing_events() == []
        assert copy.trials == live.search.trials
        assert observed(copy) == observed(live.search)
        assert copy.propose() == live.search.propose()
        live = Driver(settings, events)


@pytest.mark.parametrize("workers", [1, 4])
def test_the_rule_repeats_the_decisions_of_the_ledger(workers: int) -> None:
    """A missing decision is made from the records that were there when it was due."""
    settings = config("random")
    ledger = Driver(settings).run(workers)
    copy = Search(settings).replay(e for e in ledger if e["event"] != "decision")
    assert copy.missing_events() == []  # all trials have ended; the last verdict is decided now
    again = list(copy._verdicts.given.values())
    said = [event for event in ledger if event["event"] == "decision"]
    assert {event["action"] for event in said} == {"continue", "stop"}
    place = operator.itemgetter("trial_id", "epoch")
    assert sorted(json.loads(json.dumps(again)), key=place) == sorted(said, key=place)


@pytest.mark.parametrize("schedule", LR_SCHEDULES)
def test_every_outcome_occurs_and_each_trial_has_one_true_observation(schedule: str) -> None:
    """Under a schedule that depends on the horizon, only completed trials have observations."""
    recover, search = {"lr_schedule": schedule}, {"sampler": "random", "trials": 40}
    driver = Driver(config("random", recover=recover, search=search))
    driver.run(workers=3)
    outcomes = {trial.status for trial in driver.search.trials.values()}
    assert outcomes == {"completed", "stopped", "failed"}
    assert driver.search.unfinished() == []
    assert driver.search.propose() is None
    trials = optuna_study(driver.search.study).trials
    truths = {"completed"} if schedule == "linear" else {"completed", "stopped"}
    for trial, seen in zip(driver.search.trials.values(), trials, strict=True):
        assert trial.records
        if trial.status not in truths:
            assert seen.state == OptunaState.FAIL
            continue
        last = trial.last_epoch
        assert seen.state == OptunaState.COMPLETE
        assert seen.params["finetune_epochs"] == last
        assert seen.values == [trial.records[last]["accuracy"], trial.params["sparsity"]]
        assert (last == trial.finetune_epochs) == (trial.status == "completed")
        assert trial.is_stopped == (trial.status == "stopped")


RAMPS = {"values": [0, 2, 3], "when": {"finetune_epochs": {"low": 3}}}


@pytest.mark.parametrize("schedule", LR_SCHEDULES)
def test_records_within_a_ramp_are_neither_judged_nor_peers_nor_observations(schedule: str) -> None:
    plain = config("random", search={"sampler": "random", "trials": 40, "reduction_factor": 2})
    dump = plain.model_dump(mode="json")
    dump["space"] |= {"ramp_epochs": RAMPS, "learning_rate": 1e-4}
    dump["recover"]["lr_schedule"] = schedule
    driver = Driver(SweepConfig.model_validate(dump))
    events = driver.run(workers=3)
    trials = driver.search.trials
    assert {trial.ramp_epochs for trial in trials.values()} == {0, 2, 3}
    seen: Counter[int] = Counter()  # epoch -> records from after a ramp
    judged: Counter[tuple[int, str]] = Counter()
    for event in events:
        if event["event"] == "record":
            trial, epoch = trials[event["trial_id"]], event["epoch"]
            comparable = schedule == "constant" or epoch < trial.finetune_epochs
            seen[epoch] += epoch >= trial.ramp_epochs and comparable
        elif event["event"] == "decision":
            assert event["epoch"] >= trials[event["trial_id"]].ramp_epochs
            assert event["peers"] == seen[event["epoch"]] - 1
            judged[trials[event["trial_id"]].ramp_epochs, event["action"]] += 1
    assert judged[2, "continue"] and judged[0, "stop"]
    again = Driver(SweepConfig.model_validate(dump), events)
    assert again.ledger == events, "a replay adds nothing"
    for trial, stored in zip(
        trials.values(), optuna_study(driver.search.study).trials, strict=True
    ):
        if stored.state == OptunaState.COMPLETE:
            assert stored.params["finetune_epochs"] == trial.last_epoch >= trial.ramp_epochs


def test_what_a_crash_left_out_is_decided_on_the_records_before_it() -> None:
    """Two trials report at a rung, the driver dies between the second record and its decision."""
    settings = config("random")
    whole = Driver(settings).run(workers=4)
    cuts = [i for i, event in enumerate(whole) if event["event"] == "decision"]
    assert len(cuts) > 5
    for cut in cuts:
        search = Search(settings).replay(whole[:cut])
        missing = search.missing_events()
        stops = whole[cut]["action"] == "stop"
        if stops:  # over even before its end is written
            trial = search.trials[whole[cut]["trial_id"]]
            search.apply(whole[cut])
            assert not search.accepts(record(trial, whole[cut]["epoch"] + 1, trial.attempt))
        assert missing == whole[cut : cut + 1 + stops]
        assert search.replay(missing).missing_events() == []


def start(driver: Driver, epochs: int = 7) -> TrialState:
    """The next trial, which begins to run; it neither diverges nor ends before its epochs."""
    event = driver.search.propose()
    event["params"] |= {"finetune_epochs": epochs, "learning_rate": 1e-4}
    driver.emit(event)
    trial = driver.search.trials[event["trial_id"]]
    driver.start(trial)
    return trial


def started(settings: SweepConfig, epochs: int = 7) -> tuple[Driver, TrialState]:
    driver = Driver(settings)
    return driver, start(driver, epochs)


def test_a_record_twice_late_or_of_nobody_is_refused_and_ignored() -> None:
    driver, trial = started(config("random"))
    search = driver.search
    driver.step(trial)
    assert not search.accepts(record(trial, 0, attempt=1)), "the epoch is in the ledger"
    assert not search.accepts(record(trial, 1, attempt=1) | {"trial_id": "t00009"})
    driver.emit({"event": "lost", "trial_id": trial.trial_id, "attempt": 1, "reason": "killed"})
    driver.start(trial)
    assert (trial.attempt, trial.lost) == (2, 1)
    late = record(trial, 1, attempt=1)
    assert not search.accepts(late), "from a worker thought dead"
    driver.emit(late)
    assert trial.last_epoch == 0
    assert search.accepts(record(trial, 1, attempt=2))
    driver.emit(trial.end_event("failed", "lost too often"))
    assert not search.accepts(record(trial, 1, attempt=2)), "the trial has ended"


def test_a_judgement_is_the_same_before_and_after_its_record_is_applied_and_when_repeated() -> None:
    driver, trial = started(config("random"))
    driver.step(trial)
    event = record(trial, 1, attempt=1)
    before = driver.search.judge(event)
    driver.emit(event)
    assert driver.search.judge(event) == before
    driver.emit(before)
    assert driver.search.judge(event) == before
    assert before["peers"] == 0


def test_a_trial_at_its_own_end_is_a_peer_and_needs_no_verdict() -> None:
    driver, first = started(config("random"), epochs=1)
    driver.step(first)
    driver.step(first)
    assert first.status == "completed"
    assert 1 not in first.decisions
    second = start(driver)
    driver.step(second)
    driver.step(second)
    assert second.decisions[1]["peers"] == 1


def test_fifo_stops_nobody() -> None:
    whole = Driver(config("random", search={"scheduler": "fifo", "trials": 6})).run()
    kinds = [event["event"] for event in whole]
    assert "decision" not in kinds
    assert kinds.count("end") == 6


def test_a_sweep_can_be_extended_and_the_ledger_remembers() -> None:
    settings = config("random", search={"sampler": "random", "trials": 3})
    driver = Driver(settings)
    driver.run()
    assert driver.search.propose() is None
    driver.emit({"event": "resume", "trials": 5})
    driver.run()
    assert len(driver.search.trials) == 5
    longer = Driver(config("random", search={"sampler": "random", "trials": 5})).run()
    assert story(longer) == [e for e in story(driver.ledger) if e["event"] != "resume"]
    assert Driver(settings, driver.ledger).search.max_trials == 5
    driver.search.extend(2)
    assert driver.search.max_trials == 5


def test_a_stopped_trial_is_observed_at_its_last_epoch_that_the_list_has() -> None:
    driver, trial = started(config("grid"), epochs=5)
    for epoch in range(4):
        driver.emit(record(trial, epoch, attempt=1))
    assert trial.last_epoch == 3
    driver.emit(trial.end_event("stopped"))
    (seen,) = optuna_study(driver.search.study).trials
    assert seen.state == OptunaState.COMPLETE
    assert seen.params["finetune_epochs"] == 2
    assert seen.values[0] == trial.records[2]["accuracy"]


def test_a_trial_without_an_objective_is_a_failed_observation() -> None:
    driver, trial = started(config("random"), epochs=0)
    bare = record(trial, 0, attempt=1)
    del bare["accuracy"]
    driver.emit(bare)
    driver.emit(trial.due_end())
    assert trial.status == "completed"
    assert optuna_study(driver.search.study).trials[0].state == OptunaState.FAIL


def test_seeds_are_fixed_by_the_sweep_and_differ_between_trials() -> None:
    def seeds(seed: int) -> list[int]:
        search = {"sampler": "random", "trials": 9, "seed": seed}
        whole = Driver(config("random", search=search)).run()
        return [event["seed"] for event in whole if event["event"] == "trial"]

    assert seeds(1) == seeds(1)
    assert len({*seeds(1), *seeds(2)}) == 18


def test_events_of_other_kinds_and_events_known_already_change_nothing() -> None:
    settings = config("random")
    whole = Driver(settings).run()
    unknown = [{"event": "sweep", "version": 1}, {"event": "from the future", "x": 1}]
    again = (event for one in whole for event in (one, one))
    twice = Search(settings).replay([*unknown, *again])
    once = Driver(settings, whole).search
    assert twice.trials == once.trials
    assert observed(twice) == observed(once)
