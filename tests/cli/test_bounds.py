"""Hostile texts, sizes and names at the command line: one sentence, no traceback, nothing raw."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.ledger.file import Ledger
from tests.analysis.ledgers import small_sweep
from tests.harness.command import Command, assert_refused

LONG = "a" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "closed-form", f"name={LONG}"),
        ("check", "closed-form", f"storage={LONG}"),
        ("check", LONG),
        ("run", "closed-form", "--out", LONG),
        ("status", LONG),
        ("report", "sweep", "--out", LONG),
    ],
)
def test_names_that_no_file_can_have_are_refused(
    cli: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    small_sweep().write(tmp_path / "sweep")
    assert_refused(cli(*arguments), 2)


@pytest.mark.parametrize("option", ["init", "render slurm closed-form --out"])
def test_files_with_a_name_that_is_too_long_cannot_be_written(cli: Command, option: str) -> None:
    assert_refused(cli(*option.split(), LONG), 6, "File name too long")


@pytest.mark.parametrize(
    "arguments",
    [
        ("confirm", "x", "--seeds", 10**9),
        ("confirm", "x", "--runners-up", 10**9),
        ("resume", "x", "--trials", 2**63),
        ("resume", "x", "--trials", "9" * 5000),
    ],
)
def test_options_with_huge_numbers_are_refused(cli: Command, arguments: tuple[object, ...]) -> None:
    done = cli(*arguments)
    assert done.code == 2 and "Invalid value" in done.err and "Traceback" not in done.err


PASSWORD = "hunter2"


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "closed-form", f"storage=s3://key:{PASSWORD}@bucket/x"),
        ("run", "closed-form", "--out", f"s3://key:{PASSWORD}@bucket/x"),
        ("run", "closed-form", "--out", f"gs://:{PASSWORD}@bucket/x"),
        ("status", f"s3://key:a/{PASSWORD}@bucket/x"),
        ("run", "closed-form", "--address", f"redis://:{PASSWORD}@host:6379"),
        ("run", "closed-form", f"listeners={{x: {{uri: 'redis://:{PASSWORD}@host'}}}}"),
        ("run", "closed-form", f"search.warm_start=['s3://key:{PASSWORD}@bucket/x']"),
        ("logs", "x", "--address", f"http://user:{PASSWORD}@host:8265"),
        ("logs", "x", "--address", f"ftp://user:{PASSWORD}@host:8265"),
    ],
)
def test_passwords_in_addresses_are_refused_and_not_printed(
    cli: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = cli(*arguments)
    assert_refused(done, 2)
    assert PASSWORD not in done.err + done.out
    assert list(tmp_path.iterdir()) == []


ESCAPE = "\x1b]0;title\x07\x9b2J"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A sweep with control characters in its name, its params and the error of a trial."""
    ledger = small_sweep()
    for event in ledger.events:
        if "params" in event:
            event["params"]["method"] = f"random{ESCAPE}"
        if event.get("error"):
            event["error"] = f"{ESCAPE}at s3://key:{PASSWORD}@bucket\nfake line"
    return ledger.write(tmp_path / f"it's {ESCAPE}")


@pytest.mark.parametrize(
    "command", ["status", "front", pytest.param("report", marks=pytest.mark.slow), "check"]
)
def test_control_characters_of_a_ledger_are_escaped(
    cli: Command, hostile: Path, command: str
) -> None:
    done = cli(command, hostile)
    said = done.out + done.err
    assert done.code == (2 if command == "check" else 0), done
    assert "\x1b" not in said and "\x07" not in said and "\x9b" not in said
    assert PASSWORD not in said and "\nfake line" not in said
    if command == "report":
        for name in ("report.md", "report.html"):
            text = (hostile / name).read_text(encoding="utf-8")
            assert "\\u001b" in text and "\x1b" not in text and PASSWORD not in text


def test_commands_that_are_suggested_are_quoted(cli: Command, tmp_path: Path) -> None:
    place = tmp_path / "it's a $(sweep)"
    small_sweep().write(place)
    quoted = "'" + str(place).replace("'", "'\"'\"'") + "'"
    assert f"to continue: sweep resume {quoted}\n" in cli("status", place).out
    file = place / "my config.yaml"
    assert cli("init", file).out.endswith(f"""{quoted[:-1]}/my config.yaml'\n""")


def test_status_of_a_sweep_without_a_driver_is_interrupted(cli: Command, tmp_path: Path) -> None:
    folder = small_sweep().write(tmp_path / "sweep")
    found = json.loads(cli("status", folder, "--json").out)
    assert found["state"] == "interrupted"
    assert found["trials"]["running"] == 0 and found["trials"]["unfinished"] == 1
    assert "interrupted; " in cli("status", folder).out
    driver = Ledger.open(folder / "ledger.jsonl", create=False)
    try:
        found = json.loads(cli("status", folder, "--json").out)
        assert found["state"] == "running" and found["trials"]["running"] == 1
        assert "unfinished" not in found["trials"]
        assert "to continue" not in cli("status", folder).out
    finally:
        driver.close()


@pytest.mark.slow
def test_a_terminal_without_unicode_gets_escapes(tmp_path: Path) -> None:
    small_sweep().write(tmp_path / "é")
    for variables in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}):
        done = subprocess.run(
            [sys.executable, "-m", "sweep.cli.main", "status", "é"],
            cwd=tmp_path,
            env={**os.environ, **variables},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0 and b"Traceback" not in done.stderr, done


@pytest.mark.parametrize(
    "arguments",
    [
        ("init", "new.yaml"),
        ("render", "slurm", "closed-form", "--out", "new.sh"),
        ("report", "sweep", "--out", "new"),
        ("export-study", "sweep", "--to", "new.db"),
        ("export-study", "sweep", "--to", "new.log"),
    ],
)
def test_a_limit_of_file_sizes_gives_a_sentence(
    cli: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    small_sweep().write(tmp_path / "sweep")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        done = cli(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert_refused(done, 6, "new")
    assert [path for path in tmp_path.rglob("*") if path.is_file() and "new" in str(path)] == []
