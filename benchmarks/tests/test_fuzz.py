"""The short form of the fuzz, and its judges: what they accept, and what they must notice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fuzz.case import Case, run
from benchmarks.fuzz.data import difference as data_difference
from benchmarks.fuzz.expected import Unreadable, difference, read_config
from benchmarks.fuzz.guard import Guard
from benchmarks.fuzz.reference import told_by
from sweep.config.load import load_config
from sweep.errors import SweepError, UsageError

ROOT = Path(__file__).parents[2]

BASE = {"name": "a", "task": {"dataset": "digits"}}


def resolved(**settings: Any) -> dict[str, Any]:
    return load_config({**BASE, **settings}).model_dump(mode="json")


@pytest.mark.slow
def test_a_short_fuzz_finds_nothing() -> None:
    command = [sys.executable, "-m", "benchmarks.fuzz", "--inputs", "150", "--cli", "8"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "inputs=150 tracebacks=0 wrong=0 outside=0", done.stdout


def test_a_config_is_what_its_text_says() -> None:
    space = {"sparsity": {"low": 0.1, "high": 0.95, "step": 0.1}, "method": ["random"]}
    config = resolved(space=space, search={"margin": "1e-3"})
    text = b"{name: a, task: {dataset: digits}, search: {margin: 1e-3}, space: {method: [random],"
    given = read_config(text + b" weight: {sparsity: {low: 0.1, high: 0.95, step: 0.1}}}}", [])
    assert difference(given, config, resolved()) == ""
    assert "nothing says" in difference(BASE, config, resolved())
    wrong = read_config(b"{name: a, task: {dataset: digits}, search: {margin: 1e-4}}", [])
    assert "search.margin" in difference(wrong, resolved(search={"margin": 1e-3}), resolved())
    assert "unknown key" in difference({**BASE, "seed": 1}, resolved(), resolved())
    assert "search.trials" in difference(
        read_config(b"name: a\ntask: {dataset: digits}", ["search.trials=010"]),
        resolved(search={"trials": 10}),
        resolved(),
    )


@pytest.mark.parametrize(
    ("text", "settings"), [(b"a: 1\na: 2", []), (b"- a", []), (b"a: [", []), (b"a: 1", ["b"])]
)
def test_a_text_that_is_no_config_must_be_refused(text: bytes, settings: list[str]) -> None:
    with pytest.raises(Unreadable):
        read_config(text, settings)


def test_rows_of_data_are_compared_by_text_and_label() -> None:
    truth: Any = {"train": [None, [("a", 0), ("é", "1.0")]]}
    right = [(b"a", "0"), ("é".encode(), "1")]
    assert data_difference(truth, {"train": right}, True) == ""
    assert data_difference(truth, {"carved": right[::-1]}, True) == ""
    assert "row 0" in data_difference(truth, {"train": right[::-1]}, True)
    assert "1 rows instead of 2" in data_difference(truth, {"train": right[:1]}, True)
    assert "must be refused" in data_difference({"train": [None]}, {"train": right}, True)
    two: Any = {"train": [[("a", "x"), ("b", "X")]]}
    assert "became one" in data_difference(two, {"train": [(b"a", "x"), (b"b", "x")]}, True)


LINES = [
    {"event": "sweep", "config": {}, "directions": {"accuracy": "max", "sparsity": "max"}},
    {"event": "trial", "trial_id": "a", "params": {}},
    *(
        {"event": "record", "trial_id": "a", "epoch": epoch, "partial": False, **figures}
        for epoch, figures in enumerate(
            {"accuracy": accuracy, "sparsity": sparsity, "loss": 1, "seconds": 1}
            for accuracy, sparsity in ((0.9, 0.5), (0.8, 0.6), (0.8, 0.5))
        )
    ),
    {"event": "end", "trial_id": "a", "status": "completed"},
]


def told(*lines: Any, tail: bytes = b"") -> Any:
    return told_by(b"".join(json.dumps(line).encode() + b"\n" for line in lines) + tail)


def test_a_ledger_is_what_its_lines_say() -> None:
    whole = told(*LINES)
    assert whole.trials == {"a": "completed"} and len(whole.records) == 3
    assert whole.front == [(-0.9, -0.5), (-0.8, -0.6)]
    for tail in (b'{"event"', b"\0" * 100, b"{}\0\n"):
        assert told(*LINES, tail=tail) == whole
    assert told(*LINES[:-1]).trials == {"a": "running"}


@pytest.mark.parametrize(
    "lines",
    [
        LINES[1:],
        [LINES[0], *LINES],
        [*LINES, LINES[-1]],
        [LINES[0], *LINES[2:]],
        [*LINES[:3], 5, *LINES[3:]],
        [*LINES[:3], *LINES[2:]],
        [{"event": "sweep"}, *LINES[1:]],
        [*LINES[:2], {**LINES[2], "epoch": "0"}],
    ],
)
def test_a_ledger_that_contradicts_itself_must_be_refused(lines: list[Any]) -> None:
    assert told(*lines) is None


def fail(error: Exception) -> Any:
    def read(case: Case) -> None:
        raise error

    return read


@pytest.mark.parametrize(
    ("read", "verdict"),
    [
        (fail(UsageError("no")), "refused"),
        (fail(SweepError("a bug")), "traceback"),
        (fail(OSError("no")), "traceback"),
        (lambda case: 1, "wrong"),
        (lambda case: 2, "right"),
        (lambda case: (case.folder.parents[1] / "outside").write_text("x"), "outside"),
        (lambda case: (case.folder / "a").write_text("x"), "outside"),
        (lambda case: (case.folder / "own" / "a").write_text("x"), "right"),
        (lambda case: (case.folder / "beside" / "a").read_text(), "outside"),
        (lambda case: [*(case.folder / "beside").iterdir()], "outside"),
        (lambda case: (case.folder / "link").read_text(), "outside"),
        (fail(UsageError("\x1b[2J")), "outside"),
    ],
)
def test_the_verdict_on_an_input(tmp_path: Path, read: Any, verdict: str) -> None:
    guard, folder = Guard(tmp_path / "scratch"), tmp_path / "scratch" / "input"
    for name in ("own", "beside"):
        (folder / name).mkdir(parents=True)
    (folder / "beside" / "a").write_text("x")
    (folder / "link").symlink_to("beside/a")

    def judge(found: int) -> str:
        return "it is 1" if found == 1 and verdict == "wrong" else ""

    case = Case("test", folder, "config", read=read, judge=judge)
    assert run(case, "functions", guard).verdict == verdict
