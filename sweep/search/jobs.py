"""One trial of a search, as the ledger has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sweep.search.distributions import FIDELITY
from sweep.space.params import Params as Whole

Event = dict[str, Any]
Status = Literal["running", "completed", "stopped", "failed"]


@dataclass
class TrialState:
    """One trial as the ledger has it.

    ``attempt`` is the highest that began or was lost (0: none yet), and those up to ``fence`` are
    over; ``lost`` counts the workers that died under it, less those taken away with their machines
    (preempted), and ``last_loss`` is why the last of all died;
    ``records`` and ``decisions`` are events by epoch, in the order of the ledger.
    """

    trial_id: str
    number: int
    params: dict[str, Any]
    seed: int
    attempt: int = 0
    fence: int = 0
    lost: int = 0
    last_loss: str | None = None
    status: Status = "running"
    error: str | None = None
    records: dict[int, Event] = field(default_factory=dict)
    decisions: dict[int, Event] = field(default_factory=dict)
    verdicts: dict[int, Event] = field(default_factory=dict, compare=False)
    """What the rule was asked and said, whether the ledger has it yet or not."""

    @property
    def last_epoch(self) -> int | None:
        """The last epoch with a record, None before the first."""
        return max(self.records, default=None)

    @property
    def finetune_epochs(self) -> int:
        """The epochs that it was asked to run; by default where the space leaves them out."""
        return int(self.params.get(FIDELITY, Whole().finetune_epochs))

    @property
    def ramp_epochs(self) -> int:
        """The epoch from which it has the sparsity that it was asked to have."""
        return int(self.params.get("ramp_epochs", Whole().ramp_epochs))

    @property
    def is_stopped(self) -> bool:
        """Whether a decision in the ledger stops it."""
        return any(event["action"] == "stop" for event in self.decisions.values())
