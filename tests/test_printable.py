from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.errors import StorageError
from sweep.printable import Printable, has_password, printable

ADDRESSES = {
    "s3://key:secret@bucket/x": "s3://***@bucket/x",
    "s3://key:se/cr:e@t@bucket": "s3://***@bucket",
    "redis://:secret@host:6379": "redis://***@host:6379",
    "(http://user:secret@host:8265)": "(http://***@host:8265)",
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_passwords_in_addresses_are_hidden(text: str) -> None:
    assert printable(f"at {text}: no") == f"at {ADDRESSES[text]}: no"
    assert has_password(text) and not has_password(ADDRESSES[text])


@pytest.mark.parametrize(
    "text",
    ["http://host:8265/a@b", "s3://bucket/a:b@c", "user@host: x@y", "http://a:b c@d", "é\t\n"],
)
def test_other_texts_are_unchanged(text: str) -> None:
    assert printable(text) == text and not has_password(text)


def test_control_characters_and_surrogates_become_escapes() -> None:
    kept = {"\t", "\n"}
    for number in [*range(32), *range(0x7F, 0xA0), 0xD800, 0xDFFF]:
        if chr(number) not in kept:
            assert printable(f"a{chr(number)}b") == f"a\\u{number:04x}b"


class Broken(io.StringIO):
    """A stream on a device that fails."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))


def test_errors_of_standard_output_are_raised_and_those_of_standard_error_are_not() -> None:
    with pytest.raises(StorageError, match="standard output: No space left"):
        Printable(Broken(errno.ENOSPC), is_output=True).write("x")
    with pytest.raises(SystemExit) as left:
        Printable(Broken(errno.EPIPE), is_output=True).write("x")
    assert left.value.code == 0
    for number in (errno.ENOSPC, errno.EPIPE, errno.EIO):
        assert Printable(Broken(number), is_output=False).write("x") == 1


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ("> /dev/full", 6, "error: cannot write to standard output: No space left on device\n"),
        (">&-", 6, "error: standard output is closed; redirect it, maybe to /dev/null\n"),
        ("2>&- > /dev/null", 0, ""),
        ("| head -c 1 > /dev/null; exit ${PIPESTATUS[0]}", 0, ""),
    ],
)
def test_a_command_whose_output_fails_ends_with_a_sentence(
    tmp_path: Path, shell: str, code: int, said: str
) -> None:
    command = f"{sys.executable} -m sweep.cli.main version {shell}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (code, said)
