"""A sweep as an Optuna study in a file, for Optuna's dashboard and plots."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from sweep.config import SweepConfig
from sweep.config.fields import OBJECTIVES
from sweep.errors import StorageError, UsageError, first_line
from sweep.ledger.events import END, TRIAL, ReadEvent
from sweep.ledger.record import figure
from sweep.search.jobs import TrialState
from sweep.search.optuna_study import study_of
from sweep.search.replay import Search

FORMS = (".db", ".log")
"""SQLite, and Optuna's journal."""


def export_study(config: SweepConfig, events: Iterable[ReadEvent], to: Path) -> int:
    """Write the ended trials of a sweep to the new file ``to``; returns how many there are.

    Each has its active params with the epochs that it reached, values, constraints and times. The
    user attributes are ``trial_id``, ``status``, ``seed``, ``error`` and the figures of its final
    record. Raises :class:`~sweep.errors.UsageError` for a file that exists or has another ending
    than ``.db`` or ``.log``, and :class:`~sweep.errors.StorageError` where it cannot be written; no
    file is left then.
    """
    if to.suffix not in FORMS:
        raise UsageError(f"--to: the name of a study must end in {' or '.join(FORMS)}, got {to}")
    if to.exists():
        raise UsageError(f"{to} exists already: give --to a new file")
    search = Search(config)
    times: dict[tuple[str, str], float] = {}  # of the events by which trials begin and end
    for event in events:
        search.apply(event)
        if event["event"] in (TRIAL, END) and "time" in event:
            times.setdefault((event["event"], event["trial_id"]), event["time"])
    trials = search.study.trials[search.study.learned :]
    ended = [
        _with_times(trial, state, search, times)
        for trial, state in zip(trials, search.trials.values(), strict=True)
        if state.status != "running"
    ]
    _write(config, ended, to)
    return len(ended)


def _with_times(
    trial: FrozenTrial, state: TrialState, search: Search, times: Mapping[tuple[str, str], float]
) -> FrozenTrial:
    """The trial with its times and user attributes, and without the attributes of samplers."""
    record: Mapping[str, Any] = search.final_record(state) or {}
    known = {name: getattr(state, name) for name in ("trial_id", "status", "seed", "error")}
    known |= {name: figure(record, name) for name in OBJECTIVES.options}
    trial.user_attrs = {name: value for name, value in known.items() if value is not None}
    trial.system_attrs = {
        key: value for key, value in trial.system_attrs.items() if key.startswith("constraints:")
    }
    began = times.get((TRIAL, state.trial_id), 0.0)
    trial.datetime_start = datetime.fromtimestamp(began)
    trial.datetime_complete = datetime.fromtimestamp(times.get((END, state.trial_id), began))
    return trial


def _write(config: SweepConfig, trials: list[FrozenTrial], to: Path) -> None:
    """An atomic write: beside the target, then renamed."""
    # A random name cannot be a link that somebody else made.
    scratch = to.with_name(f".{secrets.token_hex(8)}.{to.name}")
    try:
        storage: BaseStorage = (
            RDBStorage(f"sqlite:///{scratch}")
            if scratch.suffix == ".db"
            else JournalStorage(JournalFileBackend(str(scratch)))
        )
        study_of(trials, config.objectives, storage, config.name)
        storage.remove_session()
        scratch.rename(to)
    except Exception as error:  # sqlalchemy wraps the errors of the disk
        raise StorageError(f"cannot write {to}: {first_line(error)}") from error
    finally:
        for left in scratch.parent.glob(f"{scratch.name}*"):
            left.unlink(missing_ok=True)
