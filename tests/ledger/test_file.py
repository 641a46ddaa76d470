"""The ledger file: atomic appends, one writer, torn tails removed, damage reported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.errors import StorageError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.file import Ledger
from sweep.ledger.folder import SweepFolder
from sweep.ledger.lines import salvage, unsafe_name
from sweep.ledger.read import read_events, read_ledger
from sweep.search.jobs import retraining_name
from tests.ledger.test_contract import FIRST, written

LINE = '{"event": "start", "attempt": 3, "text": "ü"}'.encode()


@pytest.mark.parametrize(
    "tail",
    [
        *(LINE[:cut] for cut in range(len(LINE) + 1)),  # the last one lacks only its newline
        *(b"\0" * 40, b"{\n", b"\n", b"[1]\n", b'"x"\n', b"\xff\xfe\n", b"\0\0\n"),
    ],
)
def test_readers_ignore_a_torn_tail_and_the_next_writer_removes_it(
    tmp_path: Path, tail: bytes
) -> None:
    path = tmp_path / "ledger.jsonl"
    events = written(SweepFolder(tmp_path))
    with path.open("ab") as file:
        file.write(tail)
    before = path.read_bytes()
    for named in (path, tmp_path):
        read = read_ledger(named)
        assert (read.events, read.problems, str(read.folder)) == (events, [], str(tmp_path))
    assert read_events(path) == events
    assert path.read_bytes() == before, "reading changes nothing"
    with Ledger.open(path, create=False) as ledger:
        assert ledger.events == events
        assert path.read_bytes() == before.removesuffix(tail)
        more = ledger.append({"event": "finish"})
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
        with pytest.raises(StorageError, match=f"line {line + 1} of 4"):
            look()
    assert path.read_bytes() == damaged


PATHS = ["../../x", "/etc", "..", ".", "a/b", "a\\b", ".hidden"]
BAD_NAMES = [*PATHS, "", "t\0", "t\n", "t" * 65, "*", "-r"]
BAD_TYPES = [None, 5, True, ["t"], {"t": 1}]
paths = st.one_of(
    st.lists(st.sampled_from([*BAD_NAMES, "t00003", "~", " "]), max_size=4).map("".join), st.text()
)


def with_id(given: object) -> list[Event]:
    """An event of each kind that has ids, and one of an unknown kind."""
    kinds = ("trial", "record", "end", "confirm_end", "new")
    confirm = {"event": "confirm", "points": [{"trial_id": "t1"}, {"trial_id": given}]}
    return [*({"event": kind, "trial_id": given, "seed": 1} for kind in kinds), confirm]


@given(st.one_of(paths, st.integers(0, 10**9)))
def test_an_id_that_is_not_a_plain_name_is_rejected(given: str | int) -> None:
    """An accepted id names a direct child of the checkpoints' folder, and nothing else."""
    name = given if isinstance(given, str) else f"t{given:05d}"
    wrong = {unsafe_name(event) for event in with_id(name)}
    assert len(wrong) == 1, "the rule is the same for each kind"
    assert isinstance(given, str) or wrong == {None}, "ids that sweeps give are accepted"
    if wrong == {None}:
        for part in (name, retraining_name(name, 2**32 - 1)):
            assert os.path.normpath(f"/sweep/{part}") == f"/sweep/{part}" and part.isprintable()
            assert part.isascii() and not set(part) & set("/\\:*?[] ") and len(part) < 100


@pytest.mark.parametrize("bad", [*BAD_NAMES, *BAD_TYPES])
def test_a_ledger_with_an_unsafe_id_is_damaged(tmp_path: Path, bad: object) -> None:
    """Even in the last line, which is complete and therefore not torn."""
    path = tmp_path / "ledger.jsonl"
    for event in with_id(bad):
        for events, line in (([FIRST, event, FIRST], "2 of 3"), ([FIRST, event], "2 of 2")):
            data = "".join(json.dumps(each) + "\n" for each in events).encode()
            path.write_bytes(data)
            for look in (lambda: read_events(path), lambda: Ledger.open(path, create=False)):
                with pytest.raises(
                    StorageError, match=f"line {line}: a trial_id must be .*; got "
                ) as e:
                    look()
                assert str(e.value).isprintable()
            assert path.read_bytes() == data
            found, problems = salvage(data)
            assert found == [each for each in events if each is not event]
            assert [problem[:7] for problem in problems] == ["line 2 "]


@pytest.mark.parametrize("bad", ["../../x", "5", -1, 2**32, 1.0, True, None, [1], {"../x": 1}])
def test_the_seed_of_a_retraining_must_be_an_integer(bad: object) -> None:
    """It is part of a folder's name; the event itself or its round has it."""
    events = [
        {"event": f"confirm_{kind}", "trial_id": "t00001", "seed": bad} for kind in ("end", "x")
    ]
    rounds = [
        {"event": "confirm", "points": [], "seeds": seeds} for seeds in ([1, bad], {"a": bad})
    ]
    for event in (*events, *rounds):
        assert "a seed must be an integer from 0 to 4294967295; got " in str(unsafe_name(event))
    assert unsafe_name({"event": "trial", "trial_id": "t00001", "seed": bad}) is None


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
            Ledger.open(path, create=False).close()
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
                ledger.append({"event": "start"}, {"event": "record", "text": "x" * 300})
            except StorageError as error:
                assert "cannot write" in str(error), error
            else:
                raise SystemExit("the disk was full, but append raised no error")
            assert path.read_bytes() == good
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        ledger.append({"event": "finish"})
"""


@pytest.mark.parametrize("room", [0, 1, 60, 200])
def test_a_full_disk_leaves_the_ledger_unchanged_and_usable(tmp_path: Path, room: int) -> None:
    path = tmp_path / "ledger.jsonl"
    written(SweepFolder(tmp_path))
    command = [sys.executable, "-c", textwrap.dedent(FILL), path, str(room)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [event["event"] for event in read_events(path)][-2:] == ["start", "finish"]
