"""Multi-objective ASHA: which trials stop early. The rule alone, without Ray, clock or chance.

After ASHA (Li et al., arXiv:1810.05934) and MO-ASHA (Schmucker et al., arXiv:2106.12639).

**The rule.** A trial that reports at a rung (an epoch from a fixed list) is compared with the n
records that are at that rung by then, its own included.

1. *Beats.* Each objective is turned so that more is better. A metric (`sweep.registry.METRICS`)
   and a metric's ``_drop`` are noisy: a record's value v stands for the interval
   v +- margin * se / sqrt(2), where se is the metric's standard error in that record
   (`sweep.ledger.record.standard_error`). At epoch 0 the margin is :data:`EPOCH_0_FACTOR` times the
   one that was set. All other objectives are exact. A peer p beats t when p is at least as good
   as t in every exact objective, and p's interval lies wholly above t's in every noisy one.
   Without a noisy objective p must be better in at least one exact one (Pareto dominance). A
   single objective is always exact, whatever it is.
2. *Rank.* The records that nobody beats have rank 0. Once they are taken away, the records that
   nobody beats then have rank 1, and so on.
3. *Verdict.* A trial continues if nobody beats it, or if fewer than ceil(n / reduction_factor)
   of the n records have a smaller rank than it. Otherwise it stops, for good.

**Why the ranks exist.** For each noisy objective, "p's interval lies wholly above t's" is a strict
partial order, whatever the lengths of the intervals. "At least as good in every exact objective" is
a preorder. p beats t when all of these hold, so *beats* is transitive and irreflexive, has no
cycle, and every finite set of records has members that nobody beats. For equal errors, p's interval
is above t's when v_p - v_t > margin * sqrt(se_p^2 + se_t^2): margin standard errors of the
difference. For unequal errors the intervals ask for slightly less (3 % less at accuracies of 0.9
and 0.5). Both values are in truth measured on the same examples, where the difference has a smaller
error, so the margin errs on the side of letting a trial live.

**What follows.** A trial that nobody beats is never stopped. A verdict depends on the set of
records at the rung, not on their order, nor on the order of objectives, nor on the scale of an
exact one. With one objective the verdict is ASHA's: the best ceil(n / reduction_factor) go on, and
so do trials that tie with the last of them. The sparse end survives: where sparsity is an
objective, only a trial at least as sparse can beat a trial. So for every threshold s some trial of
sparsity >= s is beaten by nobody and goes on. A band of sparsities can lose all its trials only to
trials that are as sparse or sparser and better by more than the noise, never to denser ones. None
of its points would be on the front then (docs/results.md has a rule that keeps the best of each
band). So a slow starter at the sparse end, still at chance at its first rung, stops only where
another trial is as sparse and has recovered already.

**The first rung** may be epoch 0 (grace period 0, the default): what pruning alone left is known
before any epoch is paid for. At the sparse end all trials are at chance there, and none beats
another. And since training repairs a part of the damage of pruning, intervals are
:data:`EPOCH_0_FACTOR` times as wide at that rung: a record is beaten there only by a lead that
noise and training are unlikely to explain. On the replayed curves of `benchmarks.search` (digits,
64 workers, 30 seeds) that lifted the hypervolume at the full budget from 0.978 of the whole front's
to 0.983, and the target took 146 epochs where it had taken 161.

**Departures.** From ASHA: the stopping form is used (a trial runs on unless stopped; none is
paused), without a minimum of peers: in a rung with few, being unbeaten protects. From MO-ASHA: no
epsilon-net and no scalarisation order the trials of one rank, because the first front must not be
thinned at all; sparsity is known before a trial starts and never stops a trial by itself (being
sparser at an indistinguishable accuracy beats nobody); noise has a margin. Ties never beat.

**Odd reports.** A record without a finite value for each objective, or without a finite standard
error for each noisy one, is no peer, beats nobody, and is not stopped by this rule. A second
report of a (trial, epoch) gets the first verdict and is not counted again. A trial that reports
past a rung is not judged there and does not fall back to a lower one. A late report joins its rung
and changes no verdict given before.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from sweep.config import SweepConfig, plan
from sweep.ledger.events import DECISION, DecisionEvent, RecordEvent
from sweep.ledger.record import figure, standard_error
from sweep.pareto import FloatArray
from sweep.registry import METRICS
from sweep.search.jobs import TrialState
from sweep.search.rung import Rung

EPOCH_0_FACTOR = 3.0
"""The factor by which intervals are wider at epoch 0, since training can still change the order."""

MOST_NAMED = 5
"""How many of the peers that beat a trial its decision names."""


class Moasha:
    """The records at each rung, and the verdicts given.

    ``rungs``: epochs; ``objectives``: metric -> "max" or "min"; ``reduction_factor`` > 1;
    ``margin`` >= 0, in standard errors. ``noisy`` names the objectives that have a standard error
    (``<metric>_se`` in each record); by default those that are a metric or a metric's drop.
    ValueError for anything else.
    """

    def __init__(
        self,
        rungs: Sequence[int],
        objectives: Mapping[str, str],
        reduction_factor: float,
        margin: float,
        noisy: Collection[str] | None = None,
    ) -> None:
        if reduction_factor <= 1 or margin < 0 or not objectives:
            raise ValueError("needs reduction_factor > 1, margin >= 0 and an objective")
        if not set(objectives.values()) <= {"max", "min"}:
            raise ValueError(f"a direction is max or min, got {dict(objectives)}")
        if noisy is None:
            noisy = [name for name in objectives if name.removesuffix("_drop") in METRICS]
        signs = {name: 1.0 if way == "max" else -1.0 for name, way in objectives.items()}
        is_noisy = {name: name in noisy and len(objectives) > 1 for name in objectives}
        self._exact = {name: sign for name, sign in signs.items() if not is_noisy[name]}
        self._noisy = {name: sign for name, sign in signs.items() if is_noisy[name]}
        self._reduction_factor = reduction_factor
        self._margin = margin
        self._epochs = sorted(set(rungs))
        self._rungs = {epoch: Rung(len(self._exact), len(self._noisy)) for epoch in self._epochs}
        self.verdicts: dict[tuple[str, int], DecisionEvent] = {}
        """(trial, epoch) -> the verdict that was given."""

    def add(self, trial_id: str, epoch: int, record: Mapping[str, Any]) -> None:
        """Add a record as a peer, without a verdict. Does nothing if the epoch is no rung."""
        rung = self._rungs.get(epoch)
        if rung is not None and not self.missing(record):
            rung.insert(trial_id, *self._point(record, EPOCH_0_FACTOR if epoch == 0 else 1.0))

    def judge(self, trial_id: str, epoch: int, record: Mapping[str, Any]) -> DecisionEvent | None:
        """Add the record and decide: the event without its time. None if the epoch is no rung.

        Another call for the same trial and epoch gives the same decision.
        """
        if epoch not in self._rungs:
            return None
        if (trial_id, epoch) not in self.verdicts:
            self.add(trial_id, epoch, record)
            self.verdicts[trial_id, epoch] = self._decide(trial_id, epoch, record)
        return self.verdicts[trial_id, epoch]

    def _decide(self, trial_id: str, epoch: int, record: Mapping[str, Any]) -> DecisionEvent:
        rung, lack = self._rungs[epoch], self.missing(record)
        total = len(rung.ids)
        decision: DecisionEvent = {
            "event": DECISION,
            "trial_id": trial_id,
            "epoch": epoch,
            "rung": self._epochs.index(epoch),
            "action": "continue",
            "reason": f"continues: not compared at epoch {epoch}, {lack} is missing or not finite",
            "peers": total,
            "rank": 0,
            "beaten_by": [],
        }
        if trial_id not in rung.index:
            return decision
        rank, ahead, beaters, best = rung.standing(trial_id, MOST_NAMED)
        places = math.ceil(total / self._reduction_factor - 1e-9)  # whatever the rounding
        if beaters and ahead >= places:
            decision["action"] = "stop"
        decision["reason"] = self._reason(epoch, total - 1, beaters, ahead, places)
        decision["peers"], decision["rank"], decision["beaten_by"] = total - 1, rank, best
        return decision

    def _reason(self, epoch: int, peers: int, beaters: int, ahead: int, places: int) -> str:
        """The verdict in a sentence."""
        if not peers:
            return f"continues: the first at epoch {epoch}"
        if not beaters:
            return f"continues: none of {peers} peers at epoch {epoch} beats it ({self._better()})"
        verdict = "continues" if ahead < places else "stops"
        return (
            f"{verdict}: beaten by {beaters} of {peers} peers at epoch {epoch} ({self._better()}); "
            f"{ahead} of {peers + 1} have a better rank, and {places} may go on"
        )

    def _better(self) -> str:
        """The meaning of "beats" for these objectives, in words."""
        exact, noisy = " and ".join(self._exact), " and ".join(self._noisy)
        if noisy:
            as_good = f"at least as good in {exact} and " if exact else ""
            return f"{as_good}better in {noisy} by more than the noise"
        one = len(self._exact) == 1
        return f"better in {exact}" if one else f"as good in {exact} and better in one of them"

    def _point(self, record: Mapping[str, Any], wider: float) -> tuple[FloatArray, ...]:
        """Exact values, and the ends of intervals ``wider`` times those of the margin."""
        exact = np.array([sign * record[name] for name, sign in self._exact.items()], dtype=float)
        noisy = np.array([sign * record[name] for name, sign in self._noisy.items()], dtype=float)
        errors = np.array([standard_error(record, name) for name in self._noisy], dtype=float)
        half = wider * self._margin * (errors / math.sqrt(2))
        return exact, noisy - half, noisy + half

    def missing(self, record: Mapping[str, Any]) -> str:
        """The first figure that a comparison needs and ``record`` does not have, or ''."""
        for name in (*self._exact, *self._noisy):
            if figure(record, name) is None:
                return name
        for name in self._noisy:
            error = standard_error(record, name)
            if error is None or error < 0:
                return f"{name.removesuffix('_drop')}_se"
        return ""


class Verdicts:
    """The verdicts on the records of a sweep; there are none under the scheduler ``fifo``.

    A decision in the ledger always holds; the rule decides where there is none. In the ledger, a
    record is followed by its decision, so a replay ranks nothing. Where the decision is missing
    (the end of the ledger was torn off), the rule decides before the next record is added, so with
    the records that were there when the decision was due.

    Only records of one kind are compared. Under a learning-rate schedule that depends on the
    horizon these are the records before the horizon. Records within a ramp are not compared, since
    they do not have the trial's sparsity yet. A trial at its last epoch is a peer of others and
    needs no verdict.
    """

    def __init__(self, config: SweepConfig) -> None:
        search = config.search
        epochs = plan.rungs(search.grace_period, search.reduction_factor, config.max_epochs)
        rungs = [] if search.scheduler == "fifo" else epochs
        self._rule = Moasha(rungs, config.objectives, search.reduction_factor, search.margin)
        self.given = self._rule.verdicts
        """(trial, epoch) -> the verdict of the rule, whether the ledger has it yet or not."""
        self._horizon_bound = config.recover.lr_schedule == "linear"

    def add(self, trial: TrialState, record: RecordEvent) -> None:
        """Add a record to its rung."""
        if self._is_compared(trial, record):
            self._rule.add(trial.trial_id, record["epoch"], record)

    def judge(self, trial: TrialState, record: RecordEvent) -> DecisionEvent | None:
        """The verdict on a record if its epoch is a rung."""
        if not self._is_compared(trial, record) or record["epoch"] >= trial.finetune_epochs:
            return None
        return self._rule.judge(trial.trial_id, record["epoch"], record)

    def _is_compared(self, trial: TrialState, record: RecordEvent) -> bool:
        is_kind = bool(record["partial"]) == self._horizon_bound
        return is_kind and record["epoch"] >= trial.ramp_epochs
