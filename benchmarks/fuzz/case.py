"""One input of the fuzz, how it is given to the program, and the verdict on the result."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import traceback
import unicodedata
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fuzz.guard import Guard
from sweep.errors import SweepError

VERDICTS = ("right", "refused", "wrong", "traceback", "outside")

EXIT_CODES = (0, 2, 3, 4, 5, 6, 129, 130, 143)
"""The documented exit codes, without that of an internal error (1)."""

SECONDS = 120
"""An input that takes longer hangs."""


class Hangs(BaseException):
    """A command does not end."""


class Outside(Exception):
    """What a judge raises for an effect outside of an input: on a cache, or on a terminal."""


@dataclass
class Case:
    """One input: ``folder`` has its files, and ``config`` is the argument CONFIG of the command.

    ``model`` is a model outside of ``folder`` that the config names.

    ``read`` reads it by the Python functions of the program, and ``judge`` says what is wrong with
    the result, "" if nothing is. ``command`` reads it by the command, and ``judge_json`` judges
    the JSON document that it prints; with other ``options`` than "--json", an empty one.
    ``judge_refusal`` judges its exit code and its message otherwise.

    ``folder``/own may be changed. Files in ``folder``/beside may not even be read.
    """

    kind: str
    folder: Path
    config: str
    settings: list[str] = field(default_factory=list)
    command: str = "check"
    read: Callable[[Case], Any] = lambda case: None
    judge: Callable[[Any], str] = lambda result: ""
    judge_json: Callable[[dict[str, Any]], str] = lambda document: ""
    model: Path | None = None
    options: tuple[str, ...] = ("--json",)
    judge_refusal: Callable[[int, str], str] = lambda code, message: ""


@dataclass(frozen=True)
class Outcome:
    """What became of an input."""

    kind: str
    verdict: str
    message: str
    where: str
    folder: Path

    @property
    def is_good(self) -> bool:
        return self.verdict in ("right", "refused")


def run(case: Case, where: str, guard: Guard) -> Outcome:
    """Give an input to the program: by ``where`` = functions, command, or child."""
    ways = {"functions": _by_functions, "command": _by_command, "child": _by_child}
    signal.signal(signal.SIGALRM, _hangs)
    with guard.watched(case.folder) as changes:
        signal.alarm(SECONDS)
        verdict, message = ways[where](case, guard)
        signal.alarm(0)
    if changes and verdict not in ("wrong", "traceback"):
        verdict, message = "outside", "; ".join(changes[:3])
    return Outcome(case.kind, verdict, message, where, case.folder)


def _hangs(*_: object) -> None:
    raise Hangs


def _by_functions(case: Case, guard: Guard) -> tuple[str, str]:
    try:
        result = case.read(case)
    except SweepError as error:
        return _refused(error.exit_code, str(error))
    except KeyboardInterrupt:
        raise
    except BaseException:  # a panic of a Rust library is no Exception
        return "traceback", traceback.format_exc()
    return _judged(lambda: case.judge(result))


def _arguments(case: Case) -> list[str]:
    return [case.command, *case.options, "--", case.config, *case.settings]


def _by_command(case: Case, guard: Guard) -> tuple[str, str]:
    from sweep.cli.main import main

    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["sweep", *_arguments(case)]
    code: Any = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as left:
        code = left.code or 0
    except KeyboardInterrupt:
        raise
    except BaseException:
        return "traceback", traceback.format_exc()
    finally:
        sys.argv = before
    return _of_exit(case, int(code), out.getvalue(), err.getvalue())


def _by_child(case: Case, guard: Guard) -> tuple[str, str]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "sweep.cli.main", *_arguments(case)],
            capture_output=True,
            cwd=guard.scratch / "cwd",
            env={**os.environ, **guard.environment},
        )
    except Hangs:
        return "traceback", traceback.format_exc()
    out, err = (each.decode(errors="replace") for each in (done.stdout, done.stderr))
    return _of_exit(case, done.returncode, out, err)


def _of_exit(case: Case, code: int, out: str, err: str) -> tuple[str, str]:
    if code == 1 or "Traceback (most recent call last)" in err:
        return "traceback", err
    if code != 0:
        verdict, message = _judged(lambda: case.judge_refusal(code, out + err))
        return _refused(code, out + err) if verdict == "right" else (verdict, message)
    document = json.loads(out) if "--json" in case.options else {}
    return _judged(lambda: check_text(out + err) or case.judge_json(document))


def _refused(code: int, message: str) -> tuple[str, str]:
    if code == 1:
        return "traceback", message
    if code not in EXIT_CODES:
        return "outside", f"exit {code}: {message}"
    return _judged(lambda: check_text(message))[0].replace("right", "refused"), message


def _judged(judge: Callable[[], str]) -> tuple[str, str]:
    try:
        problem = judge()
    except Outside as error:
        return "outside", str(error)
    except SweepError as error:
        return _refused(error.exit_code, str(error))
    return ("wrong", problem) if problem else ("right", "")


def check_text(text: str) -> str:
    """Raise `Outside` for control characters: a terminal would obey them. Returns ""."""
    for at, letter in enumerate(text):
        if unicodedata.category(letter) == "Cc" and letter not in "\n\t":
            raise Outside(f"{letter!r} is printed: {text[max(0, at - 100) : at + 100]!r}")
    return ""


def keep(outcome: Outcome, case: Case, folder: Path, name: str) -> None:
    """Copy an input, and the model that its config names, to ``folder``, with its outcome."""
    target = folder / name
    shutil.rmtree(target, ignore_errors=True)
    with suppress(shutil.Error):  # a pipe cannot be copied; all else is
        shutil.copytree(case.folder, target, symlinks=True)
    moved = {str(case.folder): str(target)}
    if case.model is not None:
        shutil.copytree(case.model, target / "model")
        moved[str(case.model)] = str(target / "model")
    about = {
        "kind": case.kind,
        "way": outcome.where,
        "verdict": outcome.verdict,
        "message": outcome.message,
        "command": shlex.join(["sweep", *_arguments(case)]),
    }
    (target / "outcome.json").write_text(json.dumps(about, indent=2, ensure_ascii=False))
    for file in {"outcome.json", "config.json"} & {path.name for path in target.iterdir()}:
        text = (target / file).read_text()
        for old, new in moved.items():
            text = text.replace(old, new)
        (target / file).write_text(text)
