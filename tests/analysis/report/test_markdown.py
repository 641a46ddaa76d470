from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.report import markdown
from analysis.report.document import (
    Block,
    Code,
    Column,
    Document,
    Items,
    Paragraph,
    Picture,
    Section,
    Strong,
    Table,
)

TABLE = Table(
    "t",
    "What | it is",
    (Column("name"), Column("share", "numeric"), Column("verdict", "mark")),
    (("a|b", "1.0 %", "likely"), ("`c`\n# d", "-", "not")),
)


def cells(line: str) -> list[str]:
    """The cells of a row of a table; an escaped pipe does not end a cell."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_a_table_stays_a_table_whatever_is_in_its_cells() -> None:
    header, rule, *rows, blank, caption = markdown.block(TABLE).split("\n")
    assert cells(header) == ["name", "share", "verdict"]
    assert cells(rule) == ["---", "---:", "---"]
    assert [len(cells(row)) for row in rows] == [3, 3]
    assert cells(rows[0])[0] == r"a\|b"
    assert cells(rows[1])[0] == r"\`c\` # d"
    assert (blank, caption) == ("", r"*What \| it is*")


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", "![](http://x)", "`x`", "**x**"],
)
def test_text_is_no_markup(text: str) -> None:
    for block in (text, Paragraph((text,), "warning"), Items((text,)), Paragraph((Strong(text),))):
        said = markdown.block(block)
        plain = re.sub(r"\\.", "", said.strip("*"))
        assert not set("<[`*]") & set(plain)


def test_emphasis_and_line_breaks() -> None:
    said = markdown.inline(("a ", Strong(" b\nc "), "\nd"))
    assert said == "a **b c** d"
    assert markdown.block(Paragraph((Strong("Mind:"), " x"), "warning")) == "> **Mind:** x"


def test_an_item_starts_no_other_block() -> None:
    assert markdown.block(Items(("# a", "- b", "c"))) == "- \\# a\n- \\- b\n- c"


def test_a_picture_that_was_not_drawn_is_a_sentence() -> None:
    drawn = Picture("front", "The front", "What is seen.", [Path("front.png")])
    assert markdown.block(drawn) == "![The front](figures/front.png)\n\n*What is seen.*"
    nothing = Picture("front", "The front", "Nothing yet.")
    assert markdown.block(nothing) == "Nothing yet."


def test_code_cannot_end_its_fence() -> None:
    said = markdown.block(Code("a\n```\n# b"))
    assert said == "````sh\na\n```\n# b\n````"


def test_a_document_is_rendered_in_order() -> None:
    blocks: tuple[Block, ...] = ("one", TABLE)
    parts = (Section("a", "First", blocks), Section("b", "Second", ()))
    text = markdown.render(Document("A <b> title", ("It is ", Strong("new"), "."), parts))
    assert text.startswith("# A &lt;b&gt; title\n\nIt is **new**.\n\n## First\n\none\n\n| name |")
    assert text.endswith("\n\n## Second\n")
