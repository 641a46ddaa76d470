"""The ledger file: atomic appends, one writer, torn tails removed, damage reported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sweep.errors import StorageError, UsageError
from sweep.ledger.file import Ledger
from sweep.ledger.folder import SweepFolder
from sweep.ledger.read import read_events, read_ledger
from tests.ledger.test_contract import written
from tests.ledger.test_sync import wait_until

LINE = '{"event": "workers", "count": 3, "text": "ü"}'.encode()


@pytest.mark.parametrize(
    "tail",
    [
        *(LINE[:cut] for cut in range(len(LINE) + 1)),  # the last one lacks only its newline
        *(b"\0" * 40, b"\0\0\n", b"{\0\n]\n", b"\xff\xfe"),
    ],
)
def test_readers_ignore_a_torn_tail_and_the_next_writer_cuts_it_and_keeps_a_copy(
    tmp_path: Path, tail: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ledger.jsonl"
    events = written(SweepFolder(tmp_path))
    with path.open("ab") as file:
        file.write(tail)
    before = path.read_bytes()
    for named in (path, tmp_path):
        read = read_ledger(named)
        assert (read.events, str(read.folder)) == (events, str(tmp_path))
    assert read_events(path) == events
    assert path.read_bytes() == before, "reading changes nothing"
    with Ledger.open(path, create=False) as ledger:
        assert ledger.events == events
        assert path.read_bytes() == before.removesuffix(tail)
        more = ledger.append({"event": "finish", "reason": None})
    copies = [copy.read_bytes() for copy in tmp_path.glob("ledger.jsonl.cut-*")]
    assert copies == ([tail] if tail else [])
    assert not tail or f"{len(tail)} bytes after the last whole event" in caplog.text
    assert read_events(path) == events + more


@pytest.mark.parametrize("line", [0, 1, 2])
def test_damage_before_the_last_line_raises_an_error_that_names_the_line(
    tmp_path: Path, line: int
) -> None:
    path = tmp_path / "ledger.jsonl"
    written(SweepFolder(tmp_path))
    lines = path.read_bytes().split(b"\n")
    lines[line] = b"{" + lines[line][5:]
    damaged = b"\n".join(lines)
    path.write_bytes(damaged)
    opens = [lambda: Ledger.open(path, create=False)] * 2  # a failed open releases the lock
    for look in (lambda: read_events(path), *opens):
        with pytest.raises(StorageError, match=f"line {line + 1} of 4 is not an event") as e:
            look()
        assert f"{3 - line} whole events follow it" in str(e.value)
        assert f"head -n {line} COPY > {path}" in str(e.value)
    assert path.read_bytes() == damaged


def test_the_lock_is_that_of_the_ledger_itself(tmp_path: Path) -> None:
    """``ledger.lock`` may be removed; a ledger that was replaced gets no more events."""
    path = tmp_path / "ledger.jsonl"
    events = written(SweepFolder(tmp_path))
    with Ledger.open(path, create=False) as ledger:
        path.with_suffix(".lock").unlink()
        assert not is_free(path)
        events += ledger.append({"event": "workers", "count": 7})
        copy = path.read_bytes()
        path.unlink()
        path.write_bytes(copy)
        with pytest.raises(StorageError, match="was removed or replaced while this driver"):
            ledger.append({"event": "workers", "count": 8})
    assert read_events(path) == events
    assert is_free(path)


def test_a_ledger_without_a_complete_event_is_not_a_sweep_and_can_begin(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"event":"swe')  # killed while it wrote its first line
    with pytest.raises(UsageError, match="is not a sweep yet"):
        Ledger.open(path, create=False)
    assert read_events(path) == [] and written(SweepFolder(tmp_path))


def test_a_ledger_that_cannot_be_opened_raises_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "ledger.jsonl").mkdir()
    for name in ("nowhere/ledger.jsonl", "file/ledger.jsonl", "ledger.jsonl"):
        with pytest.raises(StorageError, match="cannot"):
            Ledger.open(tmp_path / name, create=True)
    with pytest.raises(StorageError, match="cannot"):
        read_events(tmp_path / "ledger.jsonl")


HOLD = """
    import os, sys, time
    from sweep.ledger.file import Ledger
    ledger = Ledger.open(sys.argv[1], create=False)
    if os.fork() == 0:  # an orphan must not keep the lock
        time.sleep(30)
        os._exit(0)
    print("held", flush=True)
    time.sleep(30)
"""


def is_free(path: Path) -> bool:
    try:
        Ledger.open(path, create=False).close()
    except UsageError:
        return False
    return True


def test_the_lock_names_its_holder_until_the_holder_is_killed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.jsonl"
    written(SweepFolder(tmp_path))
    command, pipe = [sys.executable, "-c", textwrap.dedent(HOLD), str(path)], subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, text=True, start_new_session=True) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "held\n"
            with pytest.raises(UsageError, match=f"pid {holder.pid} on "):
                Ledger.open(path, create=False)
            assert len(read_events(path)) == 4
            holder.kill()
            holder.wait()
            wait_until(lambda: is_free(path))  # the orphan closes its copy when it first runs
        finally:
            os.killpg(holder.pid, signal.SIGKILL)


FILL = """
    import resource, sys
    from pathlib import Path
    from sweep.errors import StorageError
    from sweep.ledger.file import Ledger
    path, room = Path(sys.argv[1]), int(sys.argv[2])
    with Ledger.open(path, create=False) as ledger:
        good = path.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(good) + room, resource.RLIM_INFINITY))
        for _ in range(2):
            try:
                ledger.append({"event": "note"}, {"event": "note", "text": "x" * 300})
            except StorageError as error:
                assert "cannot write" in str(error), error
            else:
                raise SystemExit("the disk was full, but append raised no error")
            assert path.read_bytes() == good
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        ledger.append({"event": "finish", "reason": None})
"""


@pytest.mark.parametrize("room", [0, 1, 60, 200])
def test_a_full_disk_leaves_the_ledger_unchanged_and_usable(tmp_path: Path, room: int) -> None:
    path = tmp_path / "ledger.jsonl"
    written(SweepFolder(tmp_path))
    command = [sys.executable, "-c", textwrap.dedent(FILL), path, str(room)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [event["event"] for event in read_events(path)][-2:] == ["workers", "finish"]
