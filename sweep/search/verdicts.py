"""Early stopping in one sweep: which records are compared at a rung, and which verdicts hold.

A decision in the ledger always holds; the rule (:mod:`sweep.search.moasha`) decides where there is
none. In the ledger, a record is followed by its decision, so a replay ranks nothing. Where the
decision is missing (the end of the ledger was torn off), the rule decides before the next event is
applied, so with the records that were there when the decision was due.
"""

from __future__ import annotations

from sweep.config import SweepConfig, plan
from sweep.ledger.events import DECISION, ReadEvent, RecordEvent
from sweep.search.jobs import TrialState
from sweep.search.moasha import Moasha


class Verdicts:
    """The verdicts on the records of a sweep; there are none under the scheduler ``fifo``.

    Only records of one kind are compared. Under a learning-rate schedule that depends on the
    horizon these are the records before the horizon. Records within a ramp are not compared, since
    they do not have the trial's sparsity yet. A trial at its last epoch is a peer of others and
    needs no verdict.
    """

    def __init__(self, config: SweepConfig) -> None:
        search = config.search
        epochs = plan.rungs(search.grace_period, search.reduction_factor, config.max_epochs)
        self._rule = None
        if search.scheduler != "fifo":
            self._rule = Moasha(epochs, config.objectives, search.reduction_factor, search.margin)
        self._horizon_bound = config.recover.lr_schedule == "linear"
        self._open: tuple[TrialState, RecordEvent] | None = None

    def take(self, trial: TrialState, record: RecordEvent) -> None:
        """Add a record to its rung; its verdict is open until the next event."""
        if self._rule is None or not self._is_compared(trial, record):
            return
        self._rule.add(trial.trial_id, record["epoch"], record)
        if record["epoch"] < trial.finetune_epochs:
            self._open = trial, record

    def before(self, event: ReadEvent) -> None:
        """Close an open verdict before ``event`` is applied, which may be the ledger's decision."""
        if self._open is None:
            return
        trial, record = self._open
        place = DECISION, trial.trial_id, record["epoch"]
        if (event["event"], event.get("trial_id"), event.get("epoch")) == place:
            self._open = None
        else:
            self.close()

    def close(self) -> None:
        """Decide if a verdict is open."""
        if self._open is not None:
            self.judge(*self._open)
            self._open = None

    def judge(self, trial: TrialState, record: RecordEvent) -> None:
        """Store the verdict on a record in ``trial.verdicts`` if its epoch is a rung."""
        epoch = record["epoch"]
        if self._rule is None or not self._is_compared(trial, record):
            return
        if epoch >= trial.finetune_epochs:
            return
        if decision := self._rule.judge(trial.trial_id, epoch, record):
            trial.verdicts[epoch] = decision

    def _is_compared(self, trial: TrialState, record: RecordEvent) -> bool:
        if record["epoch"] < trial.ramp_epochs:
            return False
        return bool(record["partial"]) == self._horizon_bound
