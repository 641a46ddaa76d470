"""`sweep plugins` lists the names of all registries, their packages, and failed imports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweep import registry
from sweep.registry import LISTENERS, REGISTRIES
from tests.harness.command import Command


@pytest.fixture
def rows(cli: Command, monkeypatch: pytest.MonkeyPatch, outside: None) -> list[dict[str, str]]:
    done = cli("plugins", "--json")
    assert done.code == 0, done.err
    found: list[dict[str, str]] = json.loads(done.out)
    return found


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with a listener that can be imported, and one that cannot; and one from here."""
    about = tmp_path / "packages" / "outside-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    points = "quiet = outside_listeners:Quiet\nbroken = outside_listeners:Gone\n"
    (about / "entry_points.txt").write_text(f"[prunesweep.listeners]\n{points}")
    (about.parent / "outside_listeners.py").write_text(OUTSIDE)
    monkeypatch.syspath_prepend(about.parent)
    monkeypatch.setattr(LISTENERS, "_things", {})
    monkeypatch.setattr(registry, "_points", registry._points.__wrapped__)
    LISTENERS.register("mine", Mine)


OUTSIDE = '''
from sweep.cluster.listeners import Listener


class Quiet(Listener):
    """Does nothing.

    For a long time.
    """
'''


class Mine:
    pass


def test_every_name_of_every_registry_is_a_row(rows: list[dict[str, str]]) -> None:
    named = [(r.kind, r.group, name) for r in REGISTRIES.values() for name in r]
    assert [(row["kind"], row["group"], row["name"]) for row in rows] == named
    assert len({kind for kind, _, _ in named}) == 6


def test_a_row_has_the_package_and_a_line_of_help(rows: list[dict[str, str]]) -> None:
    found = {row["name"]: row for row in rows if row["kind"] == "listener"}
    assert found["terminal"]["package"] == "prunesweep"
    assert found["quiet"]["package"] == "outside" and found["mine"]["package"] == "this process"
    assert (found["quiet"]["help"], found["quiet"]["error"]) == ("Does nothing.", None)
    assert (found["mine"]["help"], found["mine"]["error"]) == ("", None)
    accuracy = next(row for row in rows if row["name"] == "accuracy")
    assert "correct answers" in accuracy["help"], (
        "the line of the function, not of the class Metric"
    )


def test_what_cannot_be_imported_is_shown(cli: Command, rows: list[dict[str, str]]) -> None:
    broken = next(row for row in rows if row["name"] == "broken")
    assert "cannot import" in broken["error"] and "Gone" in broken["error"]
    text = cli("plugins").out
    [line] = [line for line in text.splitlines() if " broken " in line]
    assert line.split()[:4] == ["listener", "broken", "outside", "FAILED:"]
    assert len(text.splitlines()) == 1 + len(rows)
