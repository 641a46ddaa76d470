"""A point of a sweep (one epoch of one trial), and the trial as it stood there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sweep.errors import UsageError
from sweep.ledger import checkpoint
from sweep.ledger.record import DETAILS
from sweep.space.params import Params

if TYPE_CHECKING:
    from sweep.compress.dense.bench import Workbench
    from sweep.compress.trial import Trial
    from sweep.ledger.folder import SweepFolder


@dataclass(frozen=True, eq=False)
class Point:
    """What the ledger says of one evaluation: ``record`` is its event, ``params`` the trial's.

    ``answers`` (examples,) says which validation examples were answered right; None where the
    ledger does not.
    """

    trial_id: str
    epoch: int
    params: Mapping[str, Any]
    seed: int
    record: Mapping[str, Any]
    answers: NDArray[np.bool_] | None = None

    @property
    def figures(self) -> dict[str, Any]:
        """The record without what only readers of the ledger want."""
        return {name: value for name, value in self.record.items() if name not in DETAILS}

    def __str__(self) -> str:
        return f"{self.trial_id} after epoch {self.epoch}"


def rebuilt(bench: Workbench, folder: SweepFolder, point: Point) -> Trial:
    """The trial as it stood at the point: from its checkpoint, or pruned again for epoch 0.

    Raises :class:`~sweep.errors.UsageError` where there is no whole checkpoint of it.
    """
    trial = bench.trial(Params.of(point.params), point.seed)
    if point.epoch == 0:
        trial.prune()
        return trial
    where = checkpoint.epoch_folder(folder.checkpoints, point.trial_id, point.epoch)
    found = checkpoint.load(where, moments=False)
    if found is None:
        raise UsageError(
            f"trial {point.trial_id} has no whole checkpoint of epoch {point.epoch}: only points "
            "of the front keep theirs; epoch 0 can be made again from its seed (--epoch 0)"
        )
    state, note = found
    if (note.get("params"), note.get("seed")) != (dict(point.params), point.seed):
        raise UsageError(f"checkpoint {where} is of another trial than the ledger's")
    trial.load_state_dict(state)
    return trial
