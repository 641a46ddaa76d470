"""The warm start: a sampler learns from the observations of other sweeps ("warm" events).

There is one event for each folder. It holds the observations themselves, so the new folder does not
depend on the old one. An observation is an ended trial of the other sweep: its params and its last
record that is not partial, with the epoch of that record as ``finetune_epochs``. Observations are
not trials of this sweep: they are not counted, they are not on its front, and the sampler may
propose the same params again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from sweep.config import SweepConfig
from sweep.config.text import config_diff
from sweep.errors import UsageError
from sweep.ledger.events import END, RECORD, TRIAL, WARM, ReadEvent, WarmEvent
from sweep.ledger.folder import SweepFolder
from sweep.ledger.read import read_events
from sweep.ledger.record import figure, standard_error
from sweep.ledger.store import Store, store_at
from sweep.search.optuna_study import StudyParams
from sweep.space.active import effective, fixed, is_active, order
from sweep.space.domains import Domain
from sweep.space.params import DEFAULTS, FIDELITY
from sweep.space.values import one_line

COMPARED = ("model", "tokenizer", "task", "baseline", "pruning", "recover")
"""Sections that change the figures of a trial. Where they differ, a warning says so."""


def warm_events(config: SweepConfig, own: Store) -> list[WarmEvent]:
    """One "warm" event, without its time, for each folder in ``search.warm_start``.

    ``own`` is this sweep's folder. Raises :class:`~sweep.errors.UsageError` for a folder that is no
    sweep or is ``own``, for other objectives or directions, and for a record that lacks a figure.
    """
    return [_event(config, store_at(path), own) for path in config.search.warm_start]


def _event(config: SweepConfig, path: Store, own: Store) -> WarmEvent:
    if path.absolute() == own.absolute():
        raise UsageError(f"search.warm_start: {path} is the folder of this sweep itself")
    theirs = SweepFolder(path).saved_config()
    if (other := theirs.get("objectives")) != dict(config.objectives):
        raise UsageError(
            f"search.warm_start: the objectives of {path} are {other}, but those of this sweep are "
            f"{dict(config.objectives)}"
        )
    used: list[dict[str, Any]] = []
    skipped: Counter[str] = Counter()
    for params, record in _finished(read_events(SweepFolder(path).ledger)):
        found = _fit(config.space, {**params, FIDELITY: record["epoch"]})
        if isinstance(found, str):
            skipped[found] += 1
        else:
            used.append({"params": found, "metrics": _metrics(config, record, path)})
    return {
        "event": WARM,
        "source": str(path),
        "name": theirs.get("name"),
        "used": len(used),
        "skipped": dict(skipped),
        "differs": _differs(config, theirs),
        "observations": used,
    }


def describe(event: WarmEvent) -> str:
    """An event in words."""
    lines = [f"warm start from {event['source']}: {event['used']} observations used"]
    lines += [f"  {count} not used: {reason}" for reason, count in event["skipped"].items()]
    if event["differs"]:
        lines.append(f"  warning: used although it differs in {'; '.join(event['differs'])}")
    return "\n".join(lines)


def _finished(events: Iterable[ReadEvent]) -> Iterator[tuple[dict[str, Any], ReadEvent]]:
    """(params, last record that is not partial) of each trial that did not fail."""
    params: dict[str, dict[str, Any]] = {}
    last: dict[str, ReadEvent] = {}
    for event in events:
        name = event.get("trial_id", "")
        if event["event"] == TRIAL:
            params.setdefault(name, event["params"])
        elif event["event"] == RECORD and not event.get("partial"):
            if name not in last or event["epoch"] > last[name]["epoch"]:
                last[name] = event
        elif event["event"] == END and event["status"] != "failed" and name in last:
            yield params[name], last.pop(name)


def _fit(space: Mapping[str, Domain], params: Mapping[str, Any]) -> dict[str, Any] | str:
    """The params as this space has them, or the reason why they lie outside of it."""
    whole = {**DEFAULTS, **params}
    if strange := sorted(set(whole) - set(space)):
        return f"unknown parameter {strange[0]}"
    stored = StudyParams(space)
    found: dict[str, Any] = {}
    matters = effective(whole)
    for name in order(space):
        domain, value = space[name], whole[name]
        there, only = is_active(domain, found), fixed(name, found)
        if only is not None:
            found[name] = only
        elif there and (stored.has_epoch(value) if name == FIDELITY else domain.contains(value)):
            found[name] = value
        elif name == "seed" or name not in matters:
            continue  # another seed is another sample of the same configuration
        elif there:
            return f"{name} is outside of {one_line(domain.plain())}"
        elif value != DEFAULTS[name]:
            return f"{name} is not active in this space, and differs from its default"
    return {name: found[name] for name in space if name in found}


def _metrics(config: SweepConfig, record: ReadEvent, path: Store) -> dict[str, float]:
    """The figures that objectives and constraints need, and the standard errors of objectives."""
    found: dict[str, float] = {}
    for name in (*config.objectives, *config.search.constraints):
        value = figure(record, name)
        if value is None:
            raise UsageError(
                f"search.warm_start: trial {record['trial_id']} of {path} has no {name} at epoch "
                f"{record['epoch']}, which this sweep needs"
            )
        found[name] = float(value)
    for name in config.objectives:
        if (error := standard_error(record, name)) is not None:
            found[f"{name.removesuffix('_drop')}_se"] = error
    return found


def _differs(config: SweepConfig, theirs: Mapping[str, Any]) -> list[str]:
    """``setting: there -> here`` of the settings that change the figures of a trial."""
    ours = config.model_dump(mode="json")
    with suppress(ValueError):  # settings that are newer than the other sweep get their defaults
        theirs = SweepConfig.model_validate(theirs).model_dump(mode="json")
    old, new = ({name: plain.get(name) for name in COMPARED} for plain in (theirs, ours))
    found = config_diff(old, new)
    # A further metric does not change other figures.
    return [line for line in found if not line.startswith("task.metrics")]
