from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from analysis.report import html
from analysis.report.document import (
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
from tests.analysis.report.pages import Page, figure_in, unpacked

NASTY = "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>\"'&"
FIGURE = {"data": [{"name": "<b>"}], "layout": {"title": {"text": "</script><!--"}}}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
)


def drawn(folder: Path, key: str = "front", interactive: str = "") -> Picture:
    png, svg = folder / f"{key}.png", folder / f"{key}.svg"
    png.write_bytes(PNG)
    svg.write_text("<svg xmlns='http://www.w3.org/2000/svg'>" + " " * 200 + "</svg>")
    return Picture(key, f"The {NASTY}", f"What {NASTY} is", (png, svg), interactive)


def document(*pictures: Picture) -> Document:
    columns = (Column(""), Column(NASTY, "numeric"), Column("is", "mark"))
    table = Table("front", NASTY, columns, ((NASTY, "1.0 %", NASTY), ("b", "2.0 %", "likely")))
    blocks = (
        Paragraph((NASTY, Strong(NASTY)), "lead"),
        Paragraph((Strong("Mind"), NASTY), "warning"),
        Items((NASTY,)),
        table,
        Code(NASTY),
        *pictures,
    )
    sections = (Section("answer", "Answer", blocks), Section("more", "More", ("x",)))
    return Document(NASTY, (NASTY,), sections)


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(html.render(document(drawn(tmp_path, interactive=json.dumps(FIGURE)))))


def test_tags_are_paired_and_ids_are_unique(page: Page) -> None:
    assert page.problems == []
    ids = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    named = [
        e.attributes["aria-labelledby"] for e in page.elements if "aria-labelledby" in e.attributes
    ]
    assert named and set(named) <= set(ids)


def test_text_of_a_sweep_is_no_markup(page: Page) -> None:
    assert [each.text for each in page.all("script")].count("alert(1)") == 0
    assert len(page.all("img")) == 1
    assert not any(name.startswith("on") for each in page.elements for name in each.attributes)
    assert page.all("h1")[0].text == NASTY
    assert page.all("li")[-1].text == NASTY and page.all("code")[0].text == NASTY
    assert NASTY in page.all("img")[0].attributes["alt"]  # type: ignore[operator]
    cells = [each.text for each in page.all("td", kind="mark")]
    assert cells == [NASTY, "likely"]


def test_the_page_loads_nothing(page: Page) -> None:
    for address in page.addresses():
        assert address.startswith(("#", "data:")), address
    source = re.sub(r"http://evil\.example", "", page.source)
    assert not re.search(r"https?:|[\"'(=]//", source), "not even in a script or a style"
    assert "url(" not in page.all("style")[0].text and "@import" not in page.all("style")[0].text


def test_only_the_scripts_of_the_page_may_run(page: Page) -> None:
    policy = page.elements[3].attributes["content"]
    assert policy is not None and policy.startswith("default-src 'none';")
    running = [e.text for e in page.all("script") if e.attributes.get("type") != "text/plain"]
    plotly = unpacked(page.all("script", id="plotly")[0].text)
    allowed = set(re.findall(r"'sha256-(.*?)'", policy))
    digests = [hashlib.sha256(code).digest() for code in [*map(str.encode, running), plotly]]
    assert {base64.b64encode(digest).decode() for digest in digests} == allowed
    assert len(running) == 1
    rule = re.search(r"script-src ([^;]*);", policy)
    assert rule and "unsafe" not in rule[1]


def test_plotly_sends_nothing(page: Page) -> None:
    script = page.all("script")[-1].text
    assert "showSendToCloud: false" in script and 'plotlyServerURL: ""' in script
    assert "displaylogo: false" in script


def test_the_data_of_a_figure_is_intact_and_cannot_end_its_script(page: Page) -> None:
    assert figure_in(page, "front") == FIGURE
    scripts = [each.text for each in page.all("script", type="text/plain")]
    assert scripts and all(re.fullmatch(r"[A-Za-z0-9+/=]+", text) for text in scripts)


def test_without_scripts_there_is_a_picture(page: Page) -> None:
    (plot,) = page.all("div", kind="plot")
    assert "hidden" in plot.attributes
    (picture,) = page.all("img")
    source = str(picture.attributes["src"])
    assert base64.b64decode(source.removeprefix("data:image/png;base64,")) == PNG, "the smaller one"
    assert page.all("noscript")


def test_the_page_has_the_elements_of_an_article(page: Page) -> None:
    assert page.all("html")[0].attributes == {"lang": "en"}
    for tag in ("header", "nav", "main", "footer", "title", "h1"):
        assert len(page.all(tag)) == 1, tag
    anchors = [str(each.attributes["href"])[1:] for each in page.all("a")]
    assert anchors == ["answer", "answer", "more"], "to skip to, and the list of sections"
    assert [each.attributes["id"] for each in page.all("section")] == ["answer", "more"]
    (region,) = page.all("div", kind="scroll")
    assert region.attributes["tabindex"] == "0" and region.attributes["role"] == "region"
    heads = [each.attributes.get("scope") for each in page.all("th")]
    assert heads == ["col", "col", "row", "row"]


def test_a_percent_sign_is_on_the_line_of_its_number() -> None:
    part = Section("a", "A", ("95 % of 3 percent",))
    assert "95\N{NO-BREAK SPACE}% of 3 percent" in html.render(Document("t", (), (part,)))


def test_without_interactive_figures_there_is_no_script(tmp_path: Path) -> None:
    page = Page(html.render(document(drawn(tmp_path))))
    assert not page.all("script") and page.all("img")


def test_figures_that_do_not_fit_remain_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = base64.b64encode(hashlib.shake_256(b"x").digest(90_000)).decode()
    figure = json.dumps({**FIGURE, "noise": noise})
    given = document(*(drawn(tmp_path, key, figure) for key in ("one", "two", "three")))
    whole = html.render(given)
    monkeypatch.setattr(html, "MAX_BYTES", len(whole) - 100_000)
    page = Page(html.render(given))
    plots = [each.attributes["data-figure"] for each in page.all("div", kind="plot")]
    assert plots == ["one", "two"]
    assert len(page.all("img")) == 3
