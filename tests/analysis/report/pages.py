"""Parses a page like a browser: elements with their attributes and text."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "img", "br", "hr"}


@dataclass
class Element:
    """An element with its attributes and all text in it."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """Elements in the order of their opening tags; ``problems`` has the tags without a partner."""

    source: str
    elements: list[Element] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []
        self.feed(self.source)
        self.close()
        self.problems += [f"<{element.tag}> is never closed" for element in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        if len(element.attributes) != len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].tag != tag:
            self.problems.append(f"</{tag}> closes {[each.tag for each in self._open[-2:]]}")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Elements of a tag with these attributes (``kind`` stands for class)."""
        wanted = {name.replace("kind", "class"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag
            and all(element.attributes.get(name) == value for name, value in wanted.items())
        ]

    def addresses(self) -> list[str]:
        """Whatever a browser could load or follow from an attribute."""
        names = ("src", "href", "srcset", "poster", "action", "formaction", "data", "background")
        found = [element.attributes.get(name) for element in self.elements for name in names]
        return [address for address in found if address is not None]


def figure_in(page: Page, key: str) -> dict[str, Any]:
    """The plotly figure of a chart in a page."""
    scripts = [e for e in page.all("script") if e.attributes.get("data-packed") == key]
    found: dict[str, Any] = json.loads(unpacked(scripts[0].text))
    return found


def unpacked(text: str) -> bytes:
    """The content of a compressed text."""
    return gzip.decompress(base64.b64decode(text))
