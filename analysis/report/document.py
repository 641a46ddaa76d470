"""A report before it has a form: sections of plain text, tables, figures, commands.

Everything here is plain text. Nothing is escaped until a form is chosen: ``markdown``, ``html`` and
``latex`` each turn the same document into theirs, so no sentence is written twice, and none of
them can forget to escape what another one escapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from analysis.format import number

MAX_ROWS = 40
"""Of a list that grows with the sweep; the CSV files have all."""


@dataclass(frozen=True)
class Strong:
    """Words that a reader must not miss."""

    text: str


Inline = str | Strong


@dataclass(frozen=True)
class Paragraph:
    """Running text: the ``lead`` that a reader came for, a ``warning`` that is set apart, or
    neither."""

    parts: Sequence[Inline]
    kind: Literal["plain", "lead", "warning"] = "plain"


@dataclass(frozen=True)
class Items:
    """A list of short texts, in no order."""

    texts: Sequence[str]


Kind = Literal["text", "numeric", "mark"]


@dataclass(frozen=True)
class Column:
    """``numeric`` columns are set to the right; a ``mark`` is one of a few words, as a verdict."""

    title: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """Rows of finished cells, one for each column. ``key``: name of its file, as ``front``."""

    key: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


Cell = tuple[Column, Callable[[Any], str]]
"""A column, and what it says of a row of whatever is tabled."""


def cell(
    title: str, name: str, form: Callable[[Any], str] = number, kind: Kind = "numeric"
) -> Cell:
    """A column that says ``row[name]`` of a row, in a form for people."""
    return Column(title, kind), lambda row: form(row[name])


def table(key: str, caption: str, rows: Iterable[Any], cells: Sequence[Cell]) -> Table:
    """What ``cells`` say of each row."""
    shown = [[show(row) for _, show in cells] for row in rows]
    return Table(key, caption, [column for column, _ in cells], shown)


@dataclass(frozen=True)
class Picture:
    """A chart that is drawn, with its caption; or the ``text`` alone, that says why it is not."""

    key: str
    title: str
    text: str
    files: Sequence[Path] = ()
    """The PNG, then the SVG; none where there is nothing to see."""
    interactive: str = ""
    """The plotly figure as JSON (an object with ``data`` and ``layout``)."""


@dataclass(frozen=True)
class Code:
    """Text to copy as it stands."""

    text: str
    language: Literal["sh", "json"] = "sh"


Block = str | Paragraph | Items | Table | Picture | Code
"""Text by itself is a paragraph."""
Wanted = TypeVar("Wanted", Table, Picture)


@dataclass(frozen=True)
class Section:
    """``key`` is the anchor: lower-case letters and hyphens, once in a document."""

    key: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """``standing``: one line that says what this is and how far it has come."""

    title: str
    standing: Sequence[Inline]
    sections: Sequence[Section]

    def all(self, kind: type[Wanted]) -> Iterator[Wanted]:
        """All blocks of a kind, in their order."""
        blocks = (block for section in self.sections for block in section.blocks)
        return (block for block in blocks if isinstance(block, kind))


def chart_section(picture: Picture) -> Section:
    """A chart under a heading of its own."""
    return Section(f"chart-{picture.key}", picture.title, [picture])
