"""A report before it has a form: sections of plain text, tables, figures, commands.

Everything here is plain text. Nothing is escaped until a form is chosen: ``markdown``, ``html`` and
``latex`` each turn the same document into theirs, so no sentence is written twice, and none of
them can forget to escape what another one escapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["warning", "note"]


@dataclass(frozen=True)
class Strong:
    """Words that a reader must not miss."""

    text: str


Inline = str | Strong


@dataclass(frozen=True)
class Paragraph:
    """Running text; ``lead`` marks the sentence that a reader came for."""

    parts: tuple[Inline, ...]
    lead: bool = False


@dataclass(frozen=True)
class Notice:
    """A paragraph that is set apart: what to beware of, or what is worth knowing."""

    parts: tuple[Inline, ...]
    tone: Tone = "warning"


@dataclass(frozen=True)
class Items:
    """A list of short texts, in no order."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """``numeric`` columns are set to the right; a ``mark`` is one of a few words, as a verdict."""

    title: str
    kind: Literal["text", "numeric", "mark"] = "text"


@dataclass(frozen=True)
class Table:
    """Rows of finished cells, one for each column. ``key``: name of its file, as ``front``."""

    key: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A chart by its key; ``drawn`` is False where there is nothing to see, and ``text`` says why.

    ``text`` is the caption otherwise.
    """

    key: str
    title: str
    text: str
    drawn: bool = True


@dataclass(frozen=True)
class Code:
    """Text to copy as it stands."""

    text: str
    language: Literal["sh", "json"] = "sh"


Block = Paragraph | Notice | Items | Table | Picture | Code


@dataclass(frozen=True)
class Section:
    """``key`` is the anchor: lower-case letters and hyphens, once in a document."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """``standing``: one line that says what this is and how far it has come."""

    title: str
    standing: tuple[Inline, ...]
    sections: tuple[Section, ...] = field(default_factory=tuple)

    def tables(self) -> Iterator[Table]:
        """All tables, in their order."""
        for section in self.sections:
            yield from (block for block in section.blocks if isinstance(block, Table))


def chart_section(picture: Picture) -> Section:
    """A chart under a heading of its own."""
    return Section(f"chart-{picture.key}", picture.title, (picture,))
