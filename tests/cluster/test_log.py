"""The log of a driver: plain messages on the terminal, with times and levels in driver.log."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from sweep.cluster.log import FILE_ONLY, driver_log, log_to_terminal
from sweep.ledger.store import Folder, read_text, store_at

SAID = logging.getLogger("sweep.somewhere")
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"


def test_a_terminal_shows_messages_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_terminal()
    log_to_terminal()
    SAID.info("%d of %d", 1, 2)
    SAID.warning("warning: rare")
    SAID.warning("a loss", extra=FILE_ONLY)
    SAID.debug("detail")
    assert capsys.readouterr() == ("", "1 of 2\nwarning: rare\n")


def test_a_file_has_all_messages_of_the_block_with_time_and_level(tmp_path: Path) -> None:
    path = tmp_path / "driver.log"
    path.write_text("of an earlier driver\n")
    SAID.warning("before")
    with driver_log() as log:
        SAID.info("waiting")
        assert path.read_text() == "of an earlier driver\n", "it is not ours yet"
        log.begin(Folder(path))
        SAID.warning("a loss", extra=FILE_ONLY)
        first, *lines = path.read_text().splitlines()
    SAID.warning("after")
    assert first == "of an earlier driver" and len(lines) == 2
    assert re.fullmatch(rf"{STAMP} INFO    waiting", lines[0])
    assert re.fullmatch(rf"{STAMP} WARNING a loss", lines[1])
    assert len(path.read_text().splitlines()) == 3


def test_in_an_object_store_the_log_is_written_at_the_end_after_earlier_drivers() -> None:
    place = store_at("memory://log-of-drivers/driver.log", to_write=False)
    for number, text in enumerate(("first", "second")):
        with driver_log() as log:
            log.begin(place)
            SAID.info(text)
            assert len((read_text(place) or "").splitlines()) == number
    lines = place.read_bytes().decode().splitlines()
    assert [line.split()[-1] for line in lines] == ["first", "second"]


def test_a_log_without_a_file_writes_nothing(tmp_path: Path) -> None:
    with driver_log():
        SAID.error("refused")
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_written_does_not_stop_the_sweep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with driver_log() as log:
        log.begin(Folder(tmp_path / "gone" / "driver.log"))
        SAID.info("lost")
    assert "Traceback" not in capsys.readouterr().err


def test_neither_a_terminal_nor_the_file_gets_control_characters_or_passwords(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to_terminal()
    with driver_log() as log:
        log.begin(Folder(tmp_path / "driver.log"))
        SAID.warning("%s", "a\x1b[2J s3://key:secret@bucket")
    said = r"a\u001b[2J s3://***@bucket"
    assert capsys.readouterr().err == f"{said}\n"
    assert (tmp_path / "driver.log").read_text().endswith(f" {said}\n")
