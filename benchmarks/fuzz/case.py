"""One input of the fuzz, how it is given to the program, and the verdict on the result."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fuzz.guard import Guard
from sweep.errors import SweepError

VERDICTS = ("right", "refused", "wrong", "traceback", "outside")

EXIT_CODES = (0, 2, 3, 4, 5, 6, 129, 130, 143)
"""The documented exit codes, without that of an internal error (1)."""

CHILD_SECONDS = 300


@dataclass
class Case:
    """One input: ``folder`` has its files, and ``config`` is the argument CONFIG of the command.

    ``model`` is a model outside of ``folder`` that the config names.

    ``read`` reads it by the Python functions of the program, and ``judge`` says what is wrong with
    the result, "" if nothing is. ``command`` reads it by the command, and ``judge_json`` judges
    the JSON document that it prints.
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
    with guard.watched(case.folder) as changes:
        verdict, message = ways[where](case, guard)
    if changes and verdict not in ("wrong", "traceback"):
        verdict, message = "outside", "; ".join(changes[:3])
    return Outcome(case.kind, verdict, message, where, case.folder)


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
    return [case.command, "--json", "--", case.config, *case.settings]


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
    done = subprocess.run(
        [sys.executable, "-m", "sweep.cli.main", *_arguments(case)],
        capture_output=True,
        cwd=guard.scratch / "cwd",
        env={**os.environ, **guard.environment},
        timeout=CHILD_SECONDS,
    )
    out, err = (each.decode(errors="replace") for each in (done.stdout, done.stderr))
    return _of_exit(case, done.returncode, out, err)


def _of_exit(case: Case, code: int, out: str, err: str) -> tuple[str, str]:
    if code == 1 or "Traceback (most recent call last)" in err:
        return "traceback", err
    if code != 0:
        return _refused(code, err)
    return _judged(lambda: case.judge_json(json.loads(out)))


def _refused(code: int, message: str) -> tuple[str, str]:
    if code == 1:
        return "traceback", message
    return ("refused", message) if code in EXIT_CODES else ("outside", f"exit {code}: {message}")


def _judged(judge: Callable[[], str]) -> tuple[str, str]:
    problem = judge()
    return ("wrong", problem) if problem else ("right", "")


def keep(outcome: Outcome, case: Case, folder: Path, name: str) -> None:
    """Copy an input, and the model that its config names, to ``folder``, with its outcome."""
    target = folder / name
    shutil.rmtree(target, ignore_errors=True)
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
