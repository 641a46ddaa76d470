"""The warm start: a sampler learns from the observations of other sweeps ("warm" events).

There is one event for each folder. It holds the observations themselves, so the new folder does not
depend on the old one. An observation is an ended trial of the other sweep: its params and its last
record that is not partial, with the epoch of that record as ``finetune_epochs``. Observations are
not trials of this sweep: they are not counted, they are not on its front, and the sampler may
propose the same params again.

The other sweep may have other objectives: what counts is that its records have the figures of this
sweep's objectives and constraints. Parameters that other settings decide if they are not given (the
grid, distillation) are compared by what they amount to in each of the two sweeps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from sweep.config import SweepConfig
from sweep.config.sections import DistillConfig, QuantizationConfig
from sweep.config.text import config_diff
from sweep.errors import UsageError
from sweep.ledger.events import END, RECORD, TRIAL, WARM, ReadEvent, WarmEvent
from sweep.ledger.folder import SweepFolder
from sweep.ledger.read import read_events
from sweep.ledger.record import figure, standard_error
from sweep.ledger.store import Store, store_at
from sweep.search.optuna_study import StudyParams
from sweep.space.active import effective, fixed, is_active, order
from sweep.space.domains import Constant
from sweep.space.params import DEFAULTS, FIDELITY
from sweep.space.values import one_line

COMPARED = ("model", "tokenizer", "task", "baseline", "pruning", "recover")
"""Sections that change the figures of a trial. Where they differ, a warning says so."""


def warm_events(config: SweepConfig, own: Store) -> list[WarmEvent]:
    """One "warm" event, without its time, for each folder in ``search.warm_start``.

    ``own`` is this sweep's folder. Raises :class:`~sweep.errors.UsageError` for a folder that is no
    sweep or is ``own``, and for one in which no record has all figures that this sweep needs.
    """
    return [_event(config, store_at(path), own) for path in config.search.warm_start]


def _event(config: SweepConfig, path: Store, own: Store) -> WarmEvent:
    if path.absolute() == own.absolute():
        raise UsageError(f"search.warm_start: {path} is the folder of this sweep itself")
    theirs = SweepFolder(path).saved_config()
    with suppress(ValueError):  # settings that are newer than the other sweep get their defaults
        theirs = SweepConfig.model_validate(theirs).model_dump(mode="json")
    usual = _decided(theirs)
    used: list[dict[str, Any]] = []
    skipped: Counter[str] = Counter()
    lacking: dict[str, str] = {}
    for params, record in _finished(read_events(SweepFolder(path).ledger)):
        given = {**params, FIDELITY: record["epoch"]}
        whole = {**DEFAULTS, **usual, **{n: v for n, v in given.items() if v is not None}}
        found, metrics = _fit(config, whole), _metrics(config, record)
        if isinstance(found, str):
            skipped[found] += 1
        elif isinstance(metrics, str):
            skipped[f"its record has no {metrics}"] += 1
            where = f"{record['trial_id']} of {path} has no {metrics} at epoch {record['epoch']}"
            lacking.setdefault(metrics, where)
        else:
            used.append({"params": found, "metrics": metrics})
    if lacking and not used:
        raise UsageError(
            f"search.warm_start: trial {next(iter(lacking.values()))}, and no other trial in the "
            f"space of this sweep has all figures that its objectives and constraints need "
            f"({', '.join(_needed(config))}); leave the folder out, or choose objectives and "
            "constraints that its records have"
        )
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


def _decided(plain: Mapping[str, Any]) -> dict[str, Any]:
    """What other settings decide for parameters that a trial does not give, by a sweep's config."""
    grid = (plain.get("baseline") or {}).get("quantization") or {"scheme": "none"}
    distill = (plain.get("recover") or {}).get("distill") or {"weight": 0.0}
    return {
        "quantization": grid.get("scheme", QuantizationConfig().scheme),
        "distill_weight": distill.get("weight", DistillConfig().weight),
        "distill_temperature": distill.get("temperature", DistillConfig().temperature),
    }


def _fit(config: SweepConfig, whole: Mapping[str, Any]) -> dict[str, Any] | str:
    """The params of a trial (``whole``: all) as this space has them, or why they lie outside."""
    space = config.space
    if strange := sorted(set(whole) - set(space)):
        return f"unknown parameter {strange[0]}"
    stored, usual = StudyParams(space), _decided(config.model_dump(mode="json"))
    found: dict[str, Any] = {}
    matters = effective(whole)
    for name in order(space):
        domain, value = space[name], whole[name]
        there, only = is_active(domain, found), fixed(name, found)
        is_usual = value == usual.get(name, DEFAULTS[name])
        if only is not None:
            found[name] = only
        elif domain == Constant(None) and is_usual:
            continue  # other settings decide the same here
        elif there and (stored.has_epoch(value) if name == FIDELITY else domain.contains(value)):
            found[name] = value
        elif name == "seed" or name not in matters:
            continue  # another seed is another sample of the same configuration
        elif there:
            here = usual.get(name) if domain == Constant(None) else domain.plain()
            return f"{name} is outside of {one_line(here)}"
        elif not is_usual:
            return f"{name} is not active in this space, and differs from its default"
    return {name: found[name] for name in space if name in found}


def _needed(config: SweepConfig) -> list[str]:
    return [*config.objectives, *config.search.constraints]


def _metrics(config: SweepConfig, record: ReadEvent) -> dict[str, float] | str:
    """The figures that this sweep needs, and how sure they are; or the name of a missing one.

    Objectives come with their standard errors, and drops with the value of their metric.
    """
    found: dict[str, float] = {}
    for name in _needed(config):
        if (value := figure(record, name)) is None:
            return name
        found[name] = float(value)
    more = {"examples": figure(record, "examples")}
    for name in config.objectives:
        metric = name.removesuffix("_drop")
        more |= {metric: figure(record, metric), f"{metric}_se": standard_error(record, name)}
    return found | {key: value for key, value in more.items() if value is not None}


def _differs(config: SweepConfig, theirs: Mapping[str, Any]) -> list[str]:
    """``setting: there -> here`` of the settings that change the figures of a trial."""
    ours = config.model_dump(mode="json")
    old, new = ({name: plain.get(name) for name in COMPARED} for plain in (theirs, ours))
    found = config_diff(old, new)
    # A further metric does not change other figures.
    return [line for line in found if not line.startswith("task.metrics")]
