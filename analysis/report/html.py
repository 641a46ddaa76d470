"""Renders a document as one self-contained HTML page.

The page contains its pictures as data, and plotly.js and the data of figures compressed. It fetches
nothing: its content security policy forbids that, and allows only its own two scripts, by their
hashes, whatever the error text of a trial contains. Without scripts, in an old browser and on paper
the page shows static pictures instead of interactive ones.
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
from sweep.printable import printable

HERE = Path(__file__).parent

MAX_BYTES = 5_700_000
"""The maximum size of a page. Interactive figures beyond it are replaced by static pictures."""

_MEDIA_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


def render(document: Document) -> str:
    """The whole page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
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
    """The text with a no-break space between each number and its per cent sign."""
    return re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", text)


def _fitting(drawn: Sequence[Picture], room: int) -> dict[str, str]:
    """Compressed figures by key, in order, as far as they and plotly.js fit into ``room`` bytes."""
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
    """plotly.js, compressed, and its hash."""
    from plotly.offline import get_plotlyjs

    code = get_plotlyjs().encode()
    return _packed(code), _hash(code)


def _packed(content: bytes) -> str:
    """gzip, then base64, which needs no escaping in HTML; reproducible for the same content."""
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def _hash(content: bytes) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"


def _data_url(files: Sequence[Path]) -> str:
    """The smaller of the files of a picture: usually the SVG, but the PNG for many markers."""
    file = min(files, key=lambda file: file.stat().st_size)
    data = base64.b64encode(file.read_bytes()).decode()
    return f"data:{_MEDIA_TYPES[file.suffix]};base64,{data}"
