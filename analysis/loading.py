"""Reads a sweep's folder, or several, into tables."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any, overload

from analysis.charts.front import draw as draw_front
from analysis.comparison import Comparison
from analysis.history.cost import cost_of
from analysis.results import Results
from analysis.tables.confirmation import Confirmation
from analysis.tables.frames import Story, decisions_table, records_table, trials_table
from analysis.tables.loaded import plain_figures
from sweep.ledger.events import FINISH, INTERRUPT, RESUME, ReadEvent
from sweep.ledger.files import no_collector
from sweep.ledger.read import Ledger, read_ledger

# What a config that names no objectives means.
_DIRECTIONS = {"accuracy": "max", "sparsity": "max"}

# Figures that a task gives where it is asked to; numbers, so that they may be objectives.
_METRICS = ("f1", "matthews")

Place = str | Path
Places = list[str] | list[Path] | list[Place] | tuple[Place, ...]


@overload
def load(path: Place) -> Results: ...
@overload
def load(path: Places) -> Comparison: ...
def load(path: Place | Places) -> Results | Comparison:
    """Read the sweep in folder ``path``, finished or running, or several; nothing is written.

    ``path`` may be the ledger's file, or an address in an object store (s3://, gs://) that fsspec
    reads. Of a list of them comes a :class:`~analysis.comparison.Comparison`.

    Raises ``NotASweep`` (a ValueError) for a folder that is none, ``NewerLedger`` for a sweep of
    a newer version, ``Incomparable`` (a ValueError) for several that do not measure the same,
    ``OSError`` for files that cannot be read, ``MissingPackage`` (an ImportError) where an object
    store needs a package that is not installed, ``BadAddress`` (a ValueError) for an address that
    is a pattern (``*``, ``?``, ``[``).
    """
    with no_collector():
        if isinstance(path, str | PathLike):
            return _results(read_ledger(path))
        return Comparison([_results(read_ledger(one)) for one in path])


def _results(ledger: Ledger) -> Results:
    head: ReadEvent = ledger.events[0] if ledger.events else {}
    config = _with_trials(_mapping(head.get("config")), ledger.events)
    story, confirmation = Story().replay(ledger.events), Confirmation().replay(ledger.events)
    directions = _directions(head, config)
    seed = _mapping(config.get("baseline")).get("seed")
    figures = [*directions, *_metrics(config, story, confirmation)]
    folder = ledger.folder
    return Results(
        folder=folder.local or str(folder),
        name=str(head.get("name") or config.get("name") or folder.absolute().name),
        trials=trials_table(story, figures),
        records=records_table(story, seed, figures),
        decisions=decisions_table(story),
        config=config,
        versions=_mapping(head.get("versions")),
        baseline=plain_figures(story.baseline),
        directions=directions,
        reference_point=_reference_point(head, story.baseline),
        cost=cost_of(ledger.events, story.trials.values()),
        state=_state(ledger.events),
        events=ledger.events,
        story=story,
        confirming=confirmation,
        draw_front=draw_front,
        lost=story.lost,
        problems=ledger.problems + story.problems + confirmation.problems,
    )


def _metrics(config: dict[str, Any], story: Story, confirmation: Confirmation) -> list[str]:
    """The figures beside accuracy that were asked for, or are there."""
    asked = _mapping(config.get("task")).get("metrics")
    told: Iterable[ReadEvent] = [
        *story.records,
        *confirmation.records.values(),
        story.baseline or {},
    ]
    names = {name for event in told for name in _METRICS if name in event}
    asked = asked if isinstance(asked, list) else []
    return [name for name in _METRICS if name in names or name in asked]


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _directions(head: ReadEvent, config: dict[str, Any]) -> dict[str, str]:
    return _mapping(head.get("directions")) or _mapping(config.get("objectives")) or _DIRECTIONS


def _with_trials(config: dict[str, Any], events: list[ReadEvent]) -> dict[str, Any]:
    """The config with the number of trials that the last extension asked for."""
    resumed = (event.get("trials") for event in events if event["event"] == RESUME)
    asked = [number for number in resumed if isinstance(number, int)]
    if not asked:
        return config
    return {**config, "search": {**_mapping(config.get("search")), "trials": asked[-1]}}


def _reference_point(head: ReadEvent, baseline: ReadEvent | None) -> dict[str, float]:
    point = _mapping(head.get("reference_point"))
    point.update(_mapping((baseline or {}).get("reference_point")))
    return {name: float(v) for name, v in point.items() if isinstance(v, int | float)}


def _state(events: list[ReadEvent]) -> str:
    states = {FINISH: "finished", INTERRUPT: "interrupted", RESUME: "running"}
    told = [states[event["event"]] for event in events if event["event"] in states]
    return told[-1] if told else "running"
