from __future__ import annotations

import re

import pytest

from analysis.report import latex
from analysis.report.document import Column, Table

NASTY = [
    r"\input{/etc/passwd}",
    "50 % & more",
    "a_b^c~d",
    "$x$ #1 {y}",
    '<b> | "q"',
    "line\nbreak\r\x00\x07",
    "% a comment",
    r"\\",
    "[2cm]",
]


def bare_specials(text: str) -> str:
    """The special characters of LaTeX that remain when escapes are removed."""
    text = re.sub(r"\\text[a-z]+\{\}", "", text)
    text = re.sub(r"\\[{}$&#%_]", "", text)
    return "".join(sorted(set(text) & set('\\{}$&#%_^~<>|"')))


@pytest.mark.parametrize("text", NASTY)
def test_text_is_no_latex_command(text: str) -> None:
    said = latex.escape(text)
    assert bare_specials(said) == ""
    assert said.isprintable()


def test_escaped_text_can_be_read_back() -> None:
    assert latex.escape("learning_rate 50 %") == r"learning\_rate 50 \%"
    assert latex.escape("a\\b") == r"a\textbackslash{}b"
    assert latex.escape("é – ü") == "é – ü"


def test_a_table_has_the_structure_of_a_tabular() -> None:
    columns = (Column("name"), Column("share (%)", "numeric"), Column("is", "mark"))
    rows = tuple((text, "1.0 %", "likely") for text in NASTY)
    lines = latex.render(Table("t", "100 % of\n\\it", columns, rows)).splitlines()
    assert lines[0] == "% 100 % of \\it", "a comment is one line"
    assert lines[1] == r"\begin{tabular}{lrl}" and lines[-1] == r"\end{tabular}"
    body = [line for line in lines[2:-1] if line != r"\hline"]
    assert len(body) == 1 + len(NASTY)
    for line in body:
        assert line.endswith(r" \\")
        assert len(re.findall(r"(?<!\\)&", line)) == 2
        inside = line.removesuffix(r" \\")
        assert inside.count("{") == inside.count("}")
        assert not inside.startswith("["), "it would be read as an argument of the row before"
