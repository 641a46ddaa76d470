"""The content of a report, before it is rendered: sections of text, tables, figures and commands.

All text here is plain. It is escaped when ``markdown``, ``html`` or ``latex`` renders the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from analysis.format import number

MAX_ROWS = 40
"""The largest number of rows of a list that grows with the sweep; the CSV files have all rows."""


@dataclass(frozen=True)
class Strong:
    """Emphasised text."""

    text: str


Inline = str | Strong


@dataclass(frozen=True)
class Paragraph:
    """Running text: the ``lead`` of a section, a ``warning`` that stands out, or plain text."""

    parts: Sequence[Inline]
    kind: Literal["plain", "lead", "warning"] = "plain"


@dataclass(frozen=True)
class Items:
    """An unordered list of short texts."""

    texts: Sequence[str]


Kind = Literal["text", "numeric", "mark"]


@dataclass(frozen=True)
class Column:
    """``numeric`` columns are aligned right; a ``mark`` is one of a few words, like a verdict."""

    title: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """Rows of formatted cells, one per column. ``key`` is the name of its file, like ``front``."""

    key: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


Cell = tuple[Column, Callable[[Any], str]]
"""A column, and a function from a row to the text of its cell."""


def cell(
    title: str, name: str, form: Callable[[Any], str] = number, kind: Kind = "numeric"
) -> Cell:
    """A column that shows ``row[name]``, formatted by ``form``."""
    return Column(title, kind), lambda row: form(row[name])


def table(key: str, caption: str, rows: Iterable[Any], cells: Sequence[Cell]) -> Table:
    """A table with the text of all ``cells`` for each row."""
    shown = [[show(row) for _, show in cells] for row in rows]
    return Table(key, caption, [column for column, _ in cells], shown)


@dataclass(frozen=True)
class Picture:
    """A drawn chart with its caption as ``text``, or only a ``text`` with the reason why not."""

    key: str
    title: str
    text: str
    files: Sequence[Path] = ()
    """The PNG, then the SVG; empty if there is nothing to show."""
    interactive: str = ""
    """The plotly figure as JSON (an object with ``data`` and ``layout``)."""


@dataclass(frozen=True)
class Code:
    """Text for copying."""

    text: str
    language: Literal["sh", "json"] = "sh"


Block = str | Paragraph | Items | Table | Picture | Code
"""A part of a section; a string is a paragraph."""
Wanted = TypeVar("Wanted", Table, Picture)


@dataclass(frozen=True)
class Section:
    """``key`` is the anchor: lower-case letters and hyphens, unique in a document."""

    key: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """``standing`` is one line with the state of the sweep."""

    title: str
    standing: Sequence[Inline]
    sections: Sequence[Section]

    def all(self, kind: type[Wanted]) -> Iterator[Wanted]:
        """All blocks of a kind, in order."""
        blocks = (block for section in self.sections for block in section.blocks)
        return (block for block in blocks if isinstance(block, kind))


def chart_section(picture: Picture) -> Section:
    """A section with one chart."""
    return Section(f"chart-{picture.key}", picture.title, [picture])
