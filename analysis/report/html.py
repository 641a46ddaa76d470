"""A document as one HTML page that needs nothing but itself.

Pictures are in the page as data, plotly.js and the figures' data compressed. Nothing is fetched:
the page's own content security policy forbids it, and lets no script run but the two that are here
by their hashes, whatever a trial's error text says. Without scripts, in an old browser and on paper
the pictures stand where the interactive plots would be.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from analysis.report.document import Document, Picture, Strong

HERE = Path(__file__).parent

MAX_BYTES = 5_700_000
"""Of a page. Interactive figures that would make it larger stay pictures."""

_MEDIA_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


def render(document: Document) -> str:
    """The whole page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["strong"] = lambda part: isinstance(part, Strong)
    environment.filters["tied"] = _tied
    environment.filters["kind"] = lambda block: type(block).__name__.lower()
    drawn = [picture for picture in document.all(Picture) if picture.files]
    pictures = {each.key: _data_url(each.files) for each in drawn}
    figures = _fitting(drawn, MAX_BYTES - sum(map(len, pictures.values())))
    script = (HERE / "page.js").read_text("utf-8")
    plotly, plotly_hash = _plotly() if figures else ("", "")
    page = environment.get_template("template.html").render(
        document=document,
        pictures=pictures,
        figures=figures,
        plotly=plotly,
        script=script,
        style=(HERE / "style.css").read_text("utf-8"),
        hashes=list(filter(None, [_hash(script.encode()), plotly_hash])),
    )
    return page + "\n"


def _tied(text: str) -> str:
    """The text with its percent signs on the line of their numbers."""
    return re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", text)


def _fitting(drawn: Sequence[Picture], room: int) -> dict[str, str]:
    """Packed figures by key, in order, as long as they fit beside plotly.js into ``room`` bytes."""
    moving = {each.key: _packed(each.interactive.encode()) for each in drawn if each.interactive}
    room -= len(_plotly()[0]) if moving else 0
    fitting = {}
    for key, packed in moving.items():
        if len(packed) <= room:
            room -= len(packed)
            fitting[key] = packed
    return fitting


@cache
def _plotly() -> tuple[str, str]:
    """plotly.js, packed, and its hash."""
    from plotly.offline import get_plotlyjs

    code = get_plotlyjs().encode()
    return _packed(code), _hash(code)


def _packed(content: bytes) -> str:
    """gzip, then base64: letters that mean nothing in HTML. The same for the same content."""
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def _hash(content: bytes) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"


def _data_url(files: Sequence[Path]) -> str:
    """The smallest of a picture's forms: vectors, but where they are thousands of markers."""
    file = min(files, key=lambda file: file.stat().st_size)
    data = base64.b64encode(file.read_bytes()).decode()
    return f"data:{_MEDIA_TYPES[file.suffix]};base64,{data}"
