"""Renders a document as GitHub Markdown, with all text escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from analysis.report.document import (
    Block,
    Code,
    Document,
    Inline,
    Items,
    Paragraph,
    Picture,
    Section,
    Strong,
    Table,
)
from sweep.printable import printable


def render(document: Document) -> str:
    """The whole document; figures are linked as ``figures/<key>.png``."""
    head = [f"# {plain(document.title)}", inline(document.standing)]
    return printable("\n\n".join([*head, *map(section, document.sections)]) + "\n")


def section(part: Section) -> str:
    """A section with its heading."""
    return "\n\n".join([f"## {plain(part.title)}", *(block(each) for each in part.blocks)])


def block(each: Block) -> str:
    """A block, without empty lines around it."""
    match each:
        case str():
            return inline([each])
        case Paragraph():
            return f"{'> ' if each.kind == 'warning' else ''}{inline(each.parts)}"
        case Items():
            # A backslash prevents a heading or another list inside the list.
            return "\n".join(
                "- " + re.sub(r"^(?=[#+\-=~])", r"\\", plain(text)) for text in each.texts
            )
        case Table():
            return _table(each)
        case Picture():
            return _picture(each)
        case Code():
            return _code(each)


def plain(text: str) -> str:
    """Text on one line, escaped."""
    return _escaped(" ".join(text.split()))


def inline(parts: Iterable[Inline]) -> str:
    """Running text on one line. Spaces at the ends of parts are kept."""
    return "".join(
        f"**{_escaped(part.text).strip()}**" if isinstance(part, Strong) else _escaped(part)
        for part in parts
    )


def _escaped(text: str) -> str:
    """Text without line breaks, with HTML and Markdown escaped."""
    return re.sub(r"[\\`*_\[\]|]", r"\\\g<0>", escape(re.sub(r"[\r\n]", " ", text), quote=False))


def _table(table: Table) -> str:
    header = [plain(column.title) for column in table.columns]
    rule = ["---:" if column.kind == "numeric" else "---" for column in table.columns]
    rows = [[plain(cell) for cell in row] for row in table.rows]
    return "\n".join([*map(_row, [header, rule, *rows]), "", f"*{plain(table.caption)}*"])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _picture(picture: Picture) -> str:
    if not picture.files:
        return plain(picture.text)
    return f"![{plain(picture.title)}](figures/{picture.key}.png)\n\n*{plain(picture.text)}*"


def _code(code: Code) -> str:
    """A code block with a fence that is longer than any in the text."""
    fence = "```"
    while fence in code.text:
        fence += "`"
    return f"{fence}{code.language}\n{code.text}\n{fence}"
