from __future__ import annotations

import json
import shlex
from pathlib import Path

from analysis import Results, load
from analysis.report import markdown
from analysis.report import reproduce as again
from analysis.report.document import Code, Table
from tests.analysis.ledgers import CONFIG, LedgerBuilder, small_sweep


def test_the_whole_config_is_printed(small: Results) -> None:
    section = again.settings(small)
    (code,) = [block for block in section.blocks if isinstance(block, Code)]
    assert json.loads(code.text) == CONFIG
    text = markdown.section(section)
    assert "| space: method | l1-norm / random |" in text
    assert "| tokenizer |" not in text, "it was left open"


def test_a_config_too_long_to_print_is_referred_to() -> None:
    ledger = LedgerBuilder(config={**CONFIG, "space": {"seed": list(range(20_000))}})
    section = again.settings(ledger.load())
    assert not any(isinstance(block, Code) for block in section.blocks)
    assert "config.yaml" in markdown.section(section)


def test_versions_and_seeds() -> None:
    ledger = small_sweep().confirm_round({("t00000", 2): {101: 780, 102: 781}})
    (table,) = again.versions_and_seeds(ledger.load()).blocks
    assert isinstance(table, Table)
    assert dict(table.rows) == {
        "prunesweep": "0.1.0",
        "torch": "2.13.0",
        "seed of search": "3",
        "seed of baseline": "7",
        "seeds of the confirmation": "101, 102",
    }


def test_commands_are_quoted(tmp_path: Path) -> None:
    folder = small_sweep().write(tmp_path / "my sweep; rm -rf")
    (code,) = again.commands(load(folder)).blocks
    assert isinstance(code, Code)
    lines = [shlex.split(line, comments=True) for line in code.text.splitlines()]
    assert ["sweep", "resume", str(folder)] in lines
    assert ["sweep", "run", f"{folder}/config.yaml", "--out", f"{folder}-again"] in lines
    known = {"run", "resume", "confirm", "front", "export", "report"}
    assert {line[1] for line in lines} == known
