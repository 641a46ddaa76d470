"""Loads one sweep or several sweeps from their folders."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, overload

from analysis.charts.front import draw as draw_front
from analysis.comparison import Comparison
from analysis.history.cost import cost_of
from analysis.results import Results
from analysis.tables.confirmation import Confirmation
from analysis.tables.frames import Story, decisions_table, records_table, trials_table
from analysis.tables.loaded import mapping, plain_figures
from sweep.ledger.events import FINISH, INTERRUPT, RESUME, ReadEvent
from sweep.ledger.files import no_collector
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.read import Ledger, read_ledger

# The metrics besides accuracy in ledgers of version 0.1, whose first event names no metric.
_EARLY = {
    "f1": PrimaryMetric("f1", "max", "share", 0.0),
    "matthews": PrimaryMetric("matthews", "max", "", -1.0),
}

Place = str | Path
Places = list[str] | list[Path] | list[Place] | tuple[Place, ...]


@overload
def load(path: Place) -> Results: ...
@overload
def load(path: Places) -> Comparison: ...
def load(path: Place | Places) -> Results | Comparison:
    """Load the finished or running sweep in folder ``path``; nothing is written.

    ``path`` may also be the ledger file, or an address in an object store (s3://, gs://) that
    fsspec can read. A list of paths gives a :class:`~analysis.comparison.Comparison`.

    Raises ``NotASweep`` (a ValueError) for a folder without a sweep, ``NewerLedger`` for a sweep of
    a newer version, ``Incomparable`` (a ValueError) for sweeps that cannot be compared, ``OSError``
    for files that cannot be read, ``MissingPackage`` (an ImportError) if an object store needs a
    package that is not installed, ``BadAddress`` (a ValueError) for an address that is a pattern
    (``*``, ``?``, ``[``).
    """
    with no_collector():
        if isinstance(path, str | PathLike):
            return _results(read_ledger(path))
        return Comparison([_results(read_ledger(one)) for one in path])


def _results(ledger: Ledger) -> Results:
    head: ReadEvent = ledger.events[0] if ledger.events else {}
    config = _with_trials(mapping(head.get("config")), ledger.events)
    story, confirmation = Story().replay(ledger.events), Confirmation().replay(ledger.events)
    metric = PrimaryMetric.of(head)
    metrics, figures = _metrics(head, config, story, confirmation)
    directions = _directions(head, config, metric)
    seed = mapping(config.get("baseline")).get("seed")
    figures = [*directions, *figures]
    folder = ledger.folder
    return Results(
        folder=folder.local or str(folder),
        name=str(head.get("name") or config.get("name") or folder.absolute().name),
        trials=trials_table(story, metric, figures),
        records=records_table(story, metric, figures, seed),
        decisions=decisions_table(story),
        config=config,
        versions=mapping(head.get("versions")),
        baseline=plain_figures(story.baseline),
        metric=metric,
        metrics=metrics,
        figures=figures,
        directions=directions,
        reference_point=_reference_point(head, story.baseline),
        cost=cost_of(ledger.events, story.trials.values()),
        state=_state(ledger.events),
        events=ledger.events,
        story=story,
        confirming=confirmation,
        draw_front=draw_front,
        lost=story.lost,
    )


def _metrics(
    head: ReadEvent, config: dict[str, Any], story: Story, confirmation: Confirmation
) -> tuple[dict[str, PrimaryMetric], list[str]]:
    """The metrics that the first event of a ledger names, else those in its records, and their
    columns."""
    facts = mapping(head.get("metrics"))
    named = [name for name in facts if isinstance(facts[name], dict)]
    if named:
        metrics = {name: PrimaryMetric.of({**head, "metric": name}) for name in named}
        return metrics, [column for name in named for column in (name, metrics[name].se)]
    asked = mapping(config.get("task")).get("metrics")
    told = chain(story.records, confirmation.records.values(), [story.baseline or {}])
    names = {name for event in told for name in _EARLY if name in event}
    names |= set(asked if isinstance(asked, list) else [])
    early = {name: metric for name, metric in _EARLY.items() if name in names}
    metric = PrimaryMetric()
    return {metric.name: metric, **early}, list(early)


def _directions(head: ReadEvent, config: dict[str, Any], metric: PrimaryMetric) -> dict[str, str]:
    given = head.get("directions") or mapping(config.get("objectives"))
    return given or {metric.name: metric.direction, "sparsity": "max"}


def _with_trials(config: dict[str, Any], events: Sequence[ReadEvent]) -> dict[str, Any]:
    """The config with the number of trials of the last extension."""
    asked = [event["trials"] for event in events if event["event"] == RESUME]
    if not asked:
        return config
    return {**config, "search": {**mapping(config.get("search")), "trials": asked[-1]}}


def _reference_point(head: ReadEvent, baseline: ReadEvent | None) -> dict[str, float]:
    return {**head.get("reference_point", {}), **(baseline or {}).get("reference_point", {})}


def _state(events: Sequence[ReadEvent]) -> str:
    states = {FINISH: "finished", INTERRUPT: "interrupted", RESUME: "running"}
    told = [states[event["event"]] for event in events if event["event"] in states]
    return told[-1] if told else "running"
