"""Mutations of ledgers: bytes, lines, the order of events, and each key of each kind."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.fuzz.bases import FORMULAS, copied
from benchmarks.fuzz.case import Case
from benchmarks.fuzz.sweeps import Sweep, case_of
from benchmarks.fuzz.yaml_text import flipped

Events = list[dict[str, Any]]
Mutation = Callable[[random.Random, bytes], tuple[bytes, str]]
"""A function of a generator and a ledger to another one, and `Sweep.must`."""

CONTROLS = ("\x1b]0;owned\x07\x1b[2J", "a\rb", "\x9b31m", "\x7f\x08", "a\nb", "\u202e", "\ud800")
IDS = (
    *("../../beside/victim", "/beside", "..", ".", "", "a/b", "t\0", "t\n", "-r", "*", "é"),
    *("t" * 300, "confirm", "epoch-0001", *CONTROLS),
)
DEEP = tuple(
    begin * size + b"1" + end * size
    for size in (5, 900, 100_000)
    for begin, end in ((b"[", b"]"), (b'{"a":', b"}"))
)
VALUES: dict[str, tuple[Any, ...]] = {
    "number": (0, -1, 1, 0.5, 2**31, 2**63, 10**30, 10**400, 1e308, -1e-320, 1e12, 253402300800),
    "text": ("", "0.5", "../x", "x" * 100_000),
    "control": CONTROLS,
    "other": (None, True, False, [], {}, [0], ["t00000"], {"a": 1}, [[[]]]),
}


def _lines(change: Callable[[random.Random, list[bytes]], object], must: str = "") -> Mutation:
    """A mutation that changes a list of the lines."""

    def mutate(rng: random.Random, data: bytes) -> tuple[bytes, str]:
        lines = data.splitlines(keepends=True)
        change(rng, lines)
        return b"".join(lines), must

    return mutate


def _events(change: Callable[[random.Random, Events], object], must: str = "") -> Mutation:
    """A mutation that changes a list of the events."""

    def mutate(rng: random.Random, data: bytes) -> tuple[bytes, str]:
        events = [json.loads(line) for line in data.splitlines()]
        change(rng, events)
        return b"".join(json.dumps(event).encode() + b"\n" for event in events), must

    return mutate


def _cut(rng: random.Random, data: bytes) -> tuple[bytes, str]:
    at = rng.randrange(len(data))
    return data[:at], "prefix" if data[:at].count(b"\n") > 1 else ""


def _hole(rng: random.Random, data: bytes) -> tuple[bytes, str]:
    """Some bytes are lost: NUL, garbage or nothing is in their place."""
    at = rng.randrange(len(data)) if rng.random() < 0.7 else len(data) - rng.randint(1, 2000)
    size = rng.choice((1, 7, 300, 4096, len(data)))
    filler = rng.choice((b"\0" * size, rng.randbytes(size), b"\xff" * size, b""))
    return data[: max(at, 0)] + filler + data[max(at, 0) + size :], ""


def _encoded(rng: random.Random, data: bytes) -> tuple[bytes, str]:
    text = data.decode()
    forms = (
        *(text.encode("utf-16"), text.encode("utf-8-sig"), data.replace(b"\n", b"\r\n")),
        *(data.replace(b"\n", b"\n\n"), data.replace(b'"', b"'"), data.replace(b",", b" , ")),
        *(b"[" + data.replace(b"\n", b",") + b"]", b"\n" + data, data + b"\n\n", b"{}\n" + data),
        *(data.replace(b":", b": NaN, ", 1), data.replace(b"0.", b"."), data.replace(b"}", b"")),
    )
    return rng.choice(forms), ""


def _inserted(*texts: bytes) -> Mutation:
    """A mutation that gives a line one more key, whose value is a text that JSON may not allow."""

    def change(rng: random.Random, lines: list[bytes]) -> None:
        at = rng.randrange(len(lines))
        lines[at] = lines[at].replace(b":", b":" + rng.choice(texts) + b',"x":', 1)

    return _lines(change)


def _replaced(kinds: Sequence[str], *names: str) -> Mutation:
    """A mutation of the values of a few keys: of these ``names``, or else those of one type."""

    wanted = str if kinds == ("control",) else int | float if len(kinds) == 1 else object

    def change(rng: random.Random, events: Events) -> None:
        for _ in range(200):
            inside, key = _place(rng, events)
            if key in names or (not names and key != "event" and isinstance(inside[key], wanted)):
                inside[key] = rng.choice(VALUES[rng.choice(kinds)])
                if rng.random() < 0.7:
                    return

    return _events(change)


def _place(rng: random.Random, events: Events) -> tuple[Any, Any]:
    """A key of an event: each kind is as likely as the others."""
    kind = rng.choice(sorted({str(event["event"]) for event in events}))
    return a_place(rng, rng.choice([event for event in events if str(event["event"]) == kind]))


def a_place(rng: random.Random, inside: Any) -> tuple[Any, Any]:
    """A key of a mapping, or of a mapping or list in it."""
    key: Any = rng.choice([*inside])
    while isinstance(inside[key], dict | list) and inside[key] and rng.random() < 0.6:
        inside = inside[key]
        key = rng.choice([*inside]) if isinstance(inside, dict) else rng.randrange(len(inside))
    return inside, key


def _key(rng: random.Random, events: Events) -> None:
    inside, key = _place(rng, events)
    if isinstance(inside, dict):
        value = inside.pop(key)
        if rng.random() < 0.4:
            inside[rng.choice((*CONTROLS, key.upper(), key + "s", "accuracy", "x" * 10_000))] = (
                value
            )


def _ids(rng: random.Random, events: Events) -> None:
    """A trial has another id, in all of its events."""
    name = rng.choice([event["trial_id"] for event in events if event["event"] == "trial"])
    other = rng.choice(IDS)
    for event in events:
        for each in (event, *event.get("points", ())):
            if each.get("trial_id") == name:
                each["trial_id"] = other


def _ends(rng: random.Random, events: Events) -> None:
    at = rng.choice([i for i, event in enumerate(events) if event["event"] == "end"])
    other = rng.choice([each for each in ("completed", "failed") if each != events[at]["status"]])
    events.insert(rng.randint(at + 1, len(events)), {**events[at], "status": other})


def _unknown(rng: random.Random, events: Events) -> None:
    event = rng.choice([each for each in events if each["event"] in ("record", "start", "end")])
    event["trial_id"] = f"t{rng.randint(100, 10**6)}"


def _head(rng: random.Random, events: Events) -> None:
    key = rng.choice(("config", "config", "directions", "all"))
    if key == "all":
        del events[0]
    else:
        events[0].pop(key)
        if rng.random() < 0.5:
            events[0][key] = rng.choice((None, [], "x", 5))


def _merged(rng: random.Random, events: Events) -> None:
    """The ledgers of two sweeps, or of two drivers of one, in one file."""
    at, kept = rng.randrange(1, len(events) - 1), len(events)
    events += [{**event} for event in events[rng.choice((0, 1, at)) :]]
    if rng.random() < 0.5:
        events[1:] = sorted(events[1:], key=lambda event: float(event["time"]))
    for event in events[kept:] if rng.random() < 0.5 else ():
        event["time"] = events[kept - 1]["time"]


def _swap(rng: random.Random, lines: list[bytes]) -> None:
    one, other = rng.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]


def _time(rng: random.Random, events: Events) -> None:
    """A clock that was wrong for one event, or from some event on."""
    at, time = rng.randrange(len(events)), rng.choice((0, -5.0, 1e11, 253402300800, 1e300, 2**70))
    for event in events[at : at + rng.choice((1, len(events), len(events)))]:
        event["time"] = time


MUTATIONS: dict[str, Mutation] = {
    "unchanged": lambda rng, data: (data, "same"),
    "cut": _cut,
    "bytes flipped": lambda rng, data: (flipped(rng, data), ""),
    "holes": _hole,
    "encoding": _encoded,
    "lines doubled": _lines(
        lambda rng, lines: lines.insert((at := rng.randrange(len(lines))), lines[at])
    ),
    "lines removed": _lines(lambda rng, lines: lines.pop(rng.randrange(len(lines)))),
    "lines swapped": _lines(_swap),
    "lines reordered": _lines(lambda rng, lines: rng.shuffle(lines)),
    "nested": _inserted(*DEEP),
    "not finite": _inserted(b"NaN", b"-Infinity", b"1e999", b"nan", b"0x10", b"01", b"1e-999"),
    "keys retyped": _replaced((*VALUES,)),
    "values of others": _replaced((*VALUES,)),
    "numbers": _replaced(("number",)),
    "texts": _replaced(("control",)),
    "messages": _replaced(("control",), "error", "reason", "name", "worker", "warnings", "model"),
    "keys removed": _events(_key),
    "ids": _events(_ids),
    "contradicting ends": _events(_ends, "refuse"),
    "unknown trial": _events(_unknown, "refuse"),
    "no config": _events(_head, "refuse"),
    "merged": _events(_merged, "refuse"),
    "times": _events(_time),
}
NAMES = tuple(MUTATIONS)


def make(rng: random.Random, folder: Path, name: str) -> Case:
    """Copy a sweep to ``folder``, and mutate its ledger."""
    base = rng.choice(FORMULAS)
    ledger = copied(base, folder) / "ledger.jsonl"
    data, must = MUTATIONS[name](rng, ledger.read_bytes())
    ledger.write_bytes(data)
    return case_of(rng, f"ledger: {name}", Sweep(base, folder, must))
