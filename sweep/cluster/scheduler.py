"""The search's early stopping for any Ray Tune run.

:class:`MoashaScheduler` gives the verdicts of a sweep with ``scheduler: moasha`` (the rule and its
proof: `sweep.search.moasha`) for the same results in the same order.

Ray 2.60 saves no state of a scheduler. After ``Tuner.restore`` this one has the settings with which
it was made, and reads the results of each restored trial from the ``result.json`` that Tune keeps
beside it. So its rungs hold what they held when Tune last saved the run. A trial that Tune restarts
from scratch (``restart_errored=True``) begins without results.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.result import EXPR_RESULT_FILE
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.utils import flatten_dict

from sweep.config.plan import rungs
from sweep.ledger.record import figure
from sweep.search.moasha import Moasha

logger = logging.getLogger(__name__)


class MoashaScheduler(FIFOScheduler):  # type: ignore[misc]
    """Multi-objective early stopping that leaves alone what noise may explain.

    ``objectives``: a key of a trial's results -> "max" or "min". An objective is noisy where
    ``noisy`` names it (by default a metric of `sweep.registry.METRICS`, or its ``_drop``), and each
    result then has its standard error as ``<metric>_se``; for accuracy the number of ``examples``
    will do. ``time_attr`` is the key of the epoch, from 0 (as pruned) or 1. Trials are compared at
    epochs that begin with ``grace_period`` and grow by ``reduction_factor`` > 1, and stopped at
    ``max_epochs``. ``margin`` >= 0 is in standard errors. ValueError for other settings.
    """

    def __init__(
        self,
        objectives: Mapping[str, str],
        max_epochs: int,
        *,
        time_attr: str = "training_iteration",
        grace_period: int = 1,
        reduction_factor: float = 3.0,
        margin: float = 1.0,
        noisy: Collection[str] | None = None,
    ) -> None:
        super().__init__()
        self._time_attr, self._max_epochs = time_attr, max_epochs
        epochs = rungs(grace_period, reduction_factor, max_epochs)
        self._rule = Moasha(epochs, objectives, reduction_factor, margin, noisy)
        self._known: set[str] = set()
        self._stopped = 0
        self._has_warned = False

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Read what a restored trial reported before."""
        if trial.trial_id not in self._known and trial.has_reported_at_least_once:
            for result in _reported(trial):
                if (epoch := self._epoch(result)) is not None:
                    self._rule.add(trial.trial_id, epoch, result)
        self._known.add(trial.trial_id)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """STOP where the rule says so, or at ``max_epochs``; else CONTINUE."""
        epoch = self._epoch(result)
        if epoch is None:
            return str(TrialScheduler.CONTINUE)
        decision = self._rule.judge(trial.trial_id, epoch, result)
        if decision and not self._has_warned and (key := self._rule.missing(result)):
            logger.warning("MoashaScheduler compares no result without a finite %r", key)
            self._has_warned = True
        is_beaten = decision is not None and decision["action"] == "stop"
        self._stopped += is_beaten
        over = is_beaten or epoch >= self._max_epochs
        return str(TrialScheduler.STOP if over else TrialScheduler.CONTINUE)

    def debug_string(self) -> str:
        """The line that Tune prints."""
        return f"Using MO-ASHA: {self._stopped} trials stopped early"

    def _epoch(self, result: Mapping[str, Any]) -> int | None:
        """The epoch of a result; None for one without, such as that of a trial that failed."""
        epoch = figure(result, self._time_attr)
        return int(epoch) if epoch is not None and epoch == int(epoch) else None


def _reported(trial: Trial) -> Iterator[dict[str, Any]]:
    """The results that Tune has on file for a trial, in their order."""
    path = f"{trial.storage.trial_fs_path}/{EXPR_RESULT_FILE}"
    try:
        with trial.storage.storage_filesystem.open_input_stream(path) as stream:
            lines = stream.readall().decode().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            yield flatten_dict(json.loads(line))
        except ValueError:  # the last line, cut off
            return
