"""The rule at work in one sweep: who is compared at a rung, and which verdicts stand.

A decision in the ledger stands, and the rule (:mod:`sweep.search.moasha`) is asked where there is
none. A record's decision follows it in the ledger, so a replay ranks nothing. Where it does not
follow (a torn tail), the verdict is given before the next event is taken in: on the records that
stood when it was due.
"""

from __future__ import annotations

from sweep.config import SweepConfig, plan
from sweep.ledger.events import DECISION, ReadEvent, RecordEvent
from sweep.search.jobs import TrialState
from sweep.search.moasha import Moasha


class Verdicts:
    """Records in, verdicts out; nothing at all under a scheduler that stops nothing.

    Like is compared with like: under a schedule bound to the horizon, only records from before the
    horizon; and none from within a ramp, whose sparsity is not the trial's yet. A trial at its own
    last epoch is a peer to others and needs no verdict itself.
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
        """Let a record count at its rung; its verdict is open until the next event."""
        if self._rule is None or not self._is_compared(trial, record):
            return
        self._rule.add(trial.trial_id, record["epoch"], record)
        if record["epoch"] < trial.finetune_epochs:
            self._open = trial, record

    def before(self, event: ReadEvent) -> None:
        """Close what is open, with the ledger's own word if ``event`` is that."""
        if self._open is None:
            return
        trial, record = self._open
        place = DECISION, trial.trial_id, record["epoch"]
        if (event["event"], event.get("trial_id"), event.get("epoch")) == place:
            self._open = None
        else:
            self.close()

    def close(self) -> None:
        """Give the verdict that is open, if one is."""
        if self._open is not None:
            self.judge(*self._open)
            self._open = None

    def judge(self, trial: TrialState, record: RecordEvent) -> None:
        """Keep the verdict on a record in ``trial.verdicts``, if it is at a rung."""
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
