"""The search as a fold over the ledger: its state, the next event, and events lost in a crash.

All state of a :class:`Search` comes from the ledger. A driver asks it for the next event
(:meth:`Search.propose`, :meth:`Search.judge`, :meth:`~sweep.search.jobs.TrialState.due_end`),
appends that to the ledger, and applies it. The same events in the same order give the same state.
So after a crash the search is rebuilt by a replay, :meth:`Search.missing_events` are appended, and
the sweep continues as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

import numpy as np

from sweep.config import SweepConfig, plan
from sweep.ledger import events
from sweep.ledger.fold import Fold
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.record import front_values
from sweep.search.budget import Budget
from sweep.search.jobs import TrialState
from sweep.search.moasha import Verdicts
from sweep.search.optuna_study import violations
from sweep.search.study import Proposal, Study
from sweep.space.params import FIDELITY


class Search(Fold):
    """The trials, the study and the rungs of one sweep, rebuilt from its ledger event by event."""

    def __init__(self, config: SweepConfig) -> None:
        self.trials: dict[str, TrialState] = {}
        self.records: list[events.RecordEvent] = []
        """The accepted records of all trials, in the order of the ledger."""
        self.metric = PrimaryMetric()
        """The primary metric, as the head of the ledger names it."""
        self._seed = config.search.seed
        self.needed: Collection[str] = list(config.objectives)
        """The figures that a record must have."""
        self._constraints = config.search.constraints
        self.study = Study(
            config.space,
            config.objectives,
            plan.sampler(config),
            config.search.seed,
            config.search.starts,
            every_epoch=config.recover.lr_schedule != "constant",
        )
        self._verdicts = Verdicts(config)
        self.budget = Budget(config)
        self._warm: set[str] = set()
        self.max_trials = plan.trials(config)

    def extend(self, trials: int) -> None:
        """Let there be ``trials`` in all. Fewer than before changes nothing."""
        self.max_trials = max(self.max_trials, trials)

    # The driver's questions.

    def job(self, name: str) -> TrialState:
        """A trial that has begun."""
        return self.trials[name]

    def propose(self) -> events.TrialEvent | None:
        """The next "trial" event. None if there is none: :attr:`why_no_more` gives the reason.

        Nothing changes, so until the event is applied, asking again gives the same.
        """
        if self.why_no_more is not None or self._proposal is None:
            return None
        number, (params, sampler_attrs) = len(self.trials), self._proposal
        seed = params.get("seed")
        if seed is None:  # the same for the same sweep, whoever runs it and when
            seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        return {
            "event": events.TRIAL,
            "trial_id": f"t{number:05d}",
            "number": number,
            "params": params,
            "seed": seed,
            "sampler_attrs": sampler_attrs,
        }

    @property
    def why_no_more(self) -> str | None:
        """Why nothing more is proposed; None while something is."""
        if self.budget.spent is not None:
            return self.budget.spent
        if len(self.trials) >= self.max_trials:
            return f"all {self.max_trials} trials"
        exhausted = f"all {len(self.trials)} configurations of the space are tried"
        return exhausted if self._proposal is None else None

    @cached_property
    def _proposal(self) -> Proposal | None:
        """The next proposal of the study, computed once between two events."""
        return self.study.ask(len(self.trials))

    def accepts(self, record: events.RecordEvent) -> bool:
        """Whether a "record" event is new.

        It is ignored if its trial is unknown, has ended or is stopped, if the trial has a record of
        this epoch, or if its attempt is over (a worker that was taken to be dead and is not).
        """
        trial = self.trials.get(record["trial_id"])
        if trial is None:
            return False
        return trial.accepts(record["attempt"]) and trial.wants(record["epoch"])

    def judge(self, record: events.RecordEvent) -> events.DecisionEvent | None:
        """The "decision" event for an accepted "record" event, before or after that is applied.

        None where there is nothing to decide: no rung at this epoch, the trial's own last epoch, or
        a scheduler that stops nothing.
        """
        self._judge_last()
        return self._verdicts.judge(self.trials[record["trial_id"]], record)

    def _judge_last(self) -> None:
        """Decide on the last record if the ledger has no decision on it."""
        for record in self.records[-1:]:
            trial = self.trials[record["trial_id"]]
            if record["epoch"] not in trial.decisions:
                self._verdicts.judge(trial, record)

    def unfinished(self) -> list[TrialState]:
        """The trials without an "end", by number."""
        return [trial for trial in self.trials.values() if trial.status == "running"]

    def missing_events(self) -> list[events.Event]:
        """The events that a driver would have written next, had it not been killed.

        They are the decision on a record at a rung (based on the records before it), and the end of
        a trial that has reached its last epoch or is stopped. The driver appends and applies them.
        """
        self._judge_last()
        found: list[events.Event] = []
        for trial in self.unfinished():
            undecided = [
                verdict
                for (name, epoch), verdict in self._verdicts.given.items()
                if name == trial.trial_id and epoch not in trial.decisions
            ]
            found += undecided
            if any(verdict["action"] == "stop" for verdict in undecided):
                found.append(trial.end_event("stopped"))
            elif end := trial.due_end():
                found.append(end)
        return found

    # The fold.

    def apply(self, event: events.Event | events.ReadEvent) -> None:
        """Apply one event. Unknown kinds, and events that were applied before, change nothing."""
        vars(self).pop("_proposal", None)
        super().apply(event)
        self.budget.clock(event)

    def on_sweep(self, event: events.SweepEvent) -> None:
        self.metric = PrimaryMetric.of(event)

    def on_trial(self, event: events.TrialEvent) -> None:
        if event["trial_id"] in self.trials:
            return
        self.study.begin(event["number"], event["params"], event["sampler_attrs"])
        self.trials[event["trial_id"]] = TrialState(
            trial_id=event["trial_id"],
            number=event["number"],
            params=event["params"],
            seed=event["seed"],
        )

    def on_start(self, event: events.StartEvent) -> None:
        self.trials[event["trial_id"]].on_start(event)

    def on_record(self, event: events.RecordEvent) -> None:
        if self.accepts(event):
            trial = self.trials[event["trial_id"]]
            self._judge_last()
            self._verdicts.add(trial, event)
            trial.records[event["epoch"]] = event
            self.records.append(event)
            self.budget.record(event)
            if not event["partial"]:
                self.study.observe(trial.number, trial.params, event)

    def on_decision(self, event: events.DecisionEvent) -> None:
        self.trials[event["trial_id"]].decisions.setdefault(event["epoch"], event)

    def on_lost(self, event: events.LostEvent) -> None:
        self.trials[event["trial_id"]].on_lost(event)

    def on_end(self, event: events.EndEvent) -> None:
        trial = self.trials[event["trial_id"]]
        if trial.status == "running":
            trial.on_end(event)
            record = self.final_record(trial)
            values = front_values(record, self.needed) if record else None
            broken = violations(self._constraints, record or {})
            if record is None or values is None or broken is None:
                self.study.finish(trial.number, None)
            else:
                reached = {**trial.params, FIDELITY: record["epoch"]}
                self.study.finish(trial.number, (reached, values), broken)
            self.budget.end()

    def on_resume(self, event: events.ResumeEvent) -> None:
        self.extend(event.get("trials") or 0)

    def on_warm(self, event: events.WarmEvent) -> None:
        """Learn the observations of another sweep, once and before the first trial."""
        if self.trials or event["source"] in self._warm:
            return
        self._warm.add(event["source"])
        for one in event["observations"]:
            values = [one["metrics"][name] for name in self.needed]
            broken = violations(self._constraints, one["metrics"])
            self.study.learn((one["params"], values), broken or {}, one["metrics"])

    def final_record(self, trial: TrialState) -> events.RecordEvent | None:
        """The record by which a study knows an ended trial; None for a trial that failed.

        It is the last one that is not partial and has an epoch that the study can store. Under a
        learning-rate schedule that depends on the horizon only completed trials have one.
        """
        if trial.status in ("running", "failed"):
            return None
        for epoch in sorted(trial.records, reverse=True):
            if not trial.records[epoch]["partial"] and self.study.params.has_epoch(epoch):
                return trial.records[epoch]
        return None
