"""Every command on the folder of a sweep, and the judge of what they did."""

from __future__ import annotations

import hashlib
import io
import operator
import os
import random
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from benchmarks.fuzz.bases import CONFIG, base, copied, drive
from benchmarks.fuzz.case import EXIT_CODES, Case, Outside, check_text
from benchmarks.fuzz.reference import Told, told_by
from sweep.errors import ClusterError, SweepError

NO_RAY = "127.0.0.1:1"
"""Nothing answers here, so a driver ends where it would connect to Ray."""

POINT: dict[str, Any] = {"trial_id": "t00000", "epoch": 2, "may_differ": 3}
"""The point of the golden sweep "torch" that is exported."""


@dataclass
class Done:
    """What a command did: its exit code, what it printed, and its result."""

    code: int
    out: io.StringIO
    value: Any = None
    error: Exception | None = None

    @property
    def text(self) -> str:
        return self.out.getvalue()

    @property
    def is_damaged(self) -> bool:
        return self.code == 6 and " is damaged: line " in self.text


@dataclass
class Sweep:
    """A sweep as an input: a mutated copy of the base ``name`` in ``folder``/own/sweep.

    ``must``: "refuse" if every command must refuse it, "same" if the tables must be those of the
    base, "prefix" if a continuation must give the records of the base, "forged" if an export may
    differ, "" if the independent reader decides.
    """

    name: str
    folder: Path
    must: str = ""
    before: bytes | None = None
    done: dict[str, Done] = field(default_factory=dict)
    changed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def place(self) -> Path:
        return self.folder / "own" / "sweep"

    @cached_property
    def told(self) -> Told | None:
        return told_by(self.before or b"")

    def commands(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        """All commands, by name; those that only read come first."""
        import analysis
        from sweep.cli import export, launch, results, run

        place, out = str(self.place), self.folder / "own"
        yield "status", partial(launch.status, place)
        yield "front", partial(results.front, place)
        yield "load", partial(analysis.load, place)
        yield "warm start", partial(_warm, place, out)
        yield "export-study", partial(export.export_study, place, out / "study.log")
        yield "export", partial(export.export, place, str(out / "model"), **POINT)
        yield "report", partial(results.report, [place])
        yield "confirm", partial(run.confirm, place, address=NO_RAY)
        yield "resume", partial(run.resume, place, address=NO_RAY)

    def read(self, case: Case | None = None) -> Sweep:
        """Give the sweep to every command, without figures in reports.

        An error that is neither a SweepError nor an OSError is raised.
        """
        from analysis import charts
        from sweep.cluster.log import log_to_terminal

        log_to_terminal()
        drawn, cache = charts.CHARTS, os.environ.get("PRUNESWEEP_CACHE")
        charts.CHARTS = ()  # type: ignore[assignment]
        os.environ["PRUNESWEEP_CACHE"] = str(self.folder / "own" / "cache")
        before = digests(self.place)
        try:
            for name, command in self.commands():
                self.done[name] = _done(name, command)
                if name == "export":
                    self.changed = sorted({*before.items()} ^ {*digests(self.place).items()})
            if self.name != "torch" and self.done["resume"].code == ClusterError.exit_code:
                self.done["worker"] = _done("worker", partial(drive, self.place))
        finally:
            charts.CHARTS = drawn
            os.environ["PRUNESWEEP_CACHE"] = cache or ""
        return self

    def judge(self, found: Sweep) -> str:
        """What is wrong with what the commands did. Raises the error if they refused the sweep."""
        check_text("\n".join(done.text for done in self.done.values()))
        problems = [*self._of_codes(), *self._of_tables(), *self._of_files()]
        load = self.done["load"]
        if not problems and load.error is not None:
            raise load.error
        return "; ".join(problems[:3])

    def _of_codes(self) -> Iterator[str]:
        codes = {name: done.code for name, done in self.done.items()}
        if self.name != "torch":
            codes.pop("export")  # a formula has no model, whatever the ledger is
        shown = ", ".join(f"{name} {code}" for name, code in codes.items())
        damaged = [name for name in codes if self.done[name].is_damaged]
        if damaged and len(damaged) < len(codes):
            yield f"only {', '.join(damaged)} say that the ledger is damaged: {shown}"
        if (self.told is None or self.must == "refuse") and not {*codes.values()} <= {2, 6}:
            yield f"every command must refuse it: {shown}"
        if self.must in ("same", "prefix") and codes["load"]:
            yield f"it must be read: {self.done['load'].text}"
        if strange := {*codes.values()} - {*EXIT_CODES}:
            yield f"exit codes that no document names, {strange}: {shown}"

    def _of_tables(self) -> Iterator[str]:
        results, told = self.done["load"].value, self.told
        if results is not None and told is not None:
            yield from differences(told, results)
        if self.must == "prefix" and "worker" in self.done and self.name == "live":
            ours = told_by((self.place / "ledger.jsonl").read_bytes())
            wanted = told_by((base("live") / "sweep" / "ledger.jsonl").read_bytes())
            if ours is None or wanted is None or ours.records != wanted.records:
                yield "the continued sweep has other records than the whole one"

    def _of_files(self) -> Iterator[str]:
        if self.changed:
            yield f"a command that reads changed {self.changed[0][0]}"
        ledger, told = self.place / "ledger.jsonl", self.told
        whole = (self.before or b"")[: told.size if told else 0]
        if self.done["resume"].code in (0, 3, 5) and not ledger.read_bytes().startswith(whole):
            yield "resume changed whole lines of the ledger"
        if self.name == "torch":
            ours, clean = digests(self.folder / "own"), _clean()
            if self.done["export"].code == 0 and self.must != "forged":
                name = "model/model.safetensors"
                if ours[name] != clean[name]:
                    yield "the exported weights are others than those of the unmutated sweep"
            cache = [name for name in ours if name.startswith("cache/") and name in clean]
            if other := [name for name in cache if ours[name] != clean[name]]:
                raise Outside(f"the reader's cache has other content under {other[0]}")


@cache
def _clean() -> dict[str, str]:
    """The files of an export of the golden sweep with a model, and the cache after it."""
    folder = Path(tempfile.mkdtemp(prefix="clean-"))
    copied("torch", folder)
    Sweep("torch", folder).read()
    return digests(folder / "own")


def _warm(place: str, own: Path) -> None:
    from sweep.config.load import load_config
    from sweep.ledger.store import store_at
    from sweep.search.warm import warm_events

    config = load_config({**CONFIG, "search": {**CONFIG["search"], "warm_start": [place]}})
    warm_events(config, store_at(own))


def _done(name: str, command: Callable[[], Any]) -> Done:
    text = io.StringIO()
    try:
        with redirect_stdout(text), redirect_stderr(text):
            return Done(0, text, command())
    except (SweepError, OSError) as error:  # as `sweep.cli.main` answers them
        print(error, file=text)
        return Done(getattr(error, "exit_code", 6), text, error=error)
    except SystemExit as left:
        return Done(int(left.code or 0), text)
    except BaseException as error:
        error.add_note(f"by {name}")
        raise


def case_of(rng: random.Random, kind: str, sweep: Sweep) -> Case:
    """The input that a mutated sweep is."""
    ledger = sweep.place / "ledger.jsonl"
    if ledger.is_file() and not ledger.is_symlink():
        sweep.before = ledger.read_bytes()
    command, *options = rng.choice(
        (
            *(["status"], ["status", "--json"], ["front", "--json"], ["front", "--knee"]),
            *(["resume", "--address", NO_RAY], ["confirm", "--address", NO_RAY], ["report"]),
            ["export-study", "--to", str(sweep.folder / "own" / "study.db")],
        )
    )
    return Case(
        kind,
        sweep.folder,
        str(sweep.place),
        command=command,
        options=tuple(options),
        read=sweep.read,
        judge=sweep.judge,
        judge_json=partial(_json_problem, sweep),
        judge_refusal=partial(_refusal_problem, sweep, command),
    )


def _json_problem(sweep: Sweep, document: Any) -> str:
    if sweep.told is None or sweep.must == "refuse":
        return "it must be refused"
    if isinstance(document, dict) and "trials" in document:
        statuses = [*sweep.told.trials.values()]
        wanted = {name: statuses.count(name) for name in document["trials"]}
        return "" if document["trials"] == wanted else f"{document['trials']} instead of {wanted}"
    return ""


def _refusal_problem(sweep: Sweep, command: str, code: int, message: str) -> str:
    refused = code not in (3, 4, ClusterError.exit_code)
    if sweep.told is None or sweep.must == "refuse":
        return "" if code in (2, 6) else f"exit code {code}: {message}"
    must = sweep.must in ("same", "prefix") and command in ("status", "front", "report")
    return f"it must be read: {message}" if refused and must else ""


def differences(told: Told, results: Any) -> Iterator[str]:
    """How tables differ from what an independent reader found."""
    trials = dict(zip(results.trials["trial_id"], results.trials["status"], strict=True))
    if trials != told.trials:
        yield f"the trials are {trials}, not {told.trials}"
    rows = results.records[results.records["stage"] != "baseline"]
    if results.metric.name != "accuracy":  # the ledger names another metric now
        return
    columns = (rows[name] for name in ("trial_id", "epoch", "accuracy", "sparsity"))
    rows = (map(_plain, row) for row in zip(*columns, strict=True))
    records = {(name, epoch): tuple(rest) for name, epoch, *rest in rows}
    if records != told.records:
        yield f"the records are {records}, not {told.records}"
    signs = [-1 if direction == "max" else 1 for direction in results.directions.values()]
    points = results.front[[*results.directions]].to_numpy().tolist()
    front = sorted(tuple(map(operator.mul, signs, point)) for point in points)
    if front != told.front:
        yield f"the front is {front}, not {told.front}"


def _plain(value: Any) -> Any:
    return None if str(value) in ("nan", "<NA>") else value


def digests(folder: Path) -> dict[str, str]:
    """The digest of each file below a folder without times, and where each link points."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = os.readlink(path)
        elif path.is_file() and not path.name.endswith(".lock"):
            content = re.sub(rb'"\w*seconds": *[\d.e-]+', b"", path.read_bytes())
            found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    return found
