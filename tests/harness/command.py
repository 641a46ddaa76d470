"""Runs the `sweep` command in this process and returns its output and exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from sweep.cli.main import main
from tests.faults.verdict import Done

Command = Callable[..., Done]
"""A `sweep` command with some arguments already set; call it with the others."""


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> Done:
    """Run ``sweep`` with these arguments."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["sweep", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
    out, err = capsys.readouterr()
    return Done(int(left.value.code or 0), out, err)


def assert_refused(done: Done, code: int, *words: str) -> None:
    """Assert that the command ended with ``code`` and one error message that has these words."""
    assert done.code == code, done
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err + done.out
    for word in words:
        assert word in done.err, done.err
