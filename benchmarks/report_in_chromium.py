"""A report opened in a real browser: does it stay within its page, ask for nothing, and not err?

    python -m benchmarks.report_in_chromium results/demo/report.html --shots shots

Each view is a width (a desk's 1280 and a phone's 390 pixels, the latter as a touch screen of three
pixels a point), a colour scheme, and scripts on or off. In each the page is loaded anew, waited for
until every plot is drawn, and looked over:

- *errors*: errors and warnings on the console, uncaught exceptions;
- *requests*: for anything but the page itself;
- *overflow*: pixels by which the content is wider than the window;
- *undrawn*: plots that stayed pictures, where scripts are on;
- *away*: links, buttons, sources and forms that lead out of the page.

``--shots`` keeps a picture of each view, and the page as printed (PDF). Needs Chromium
(`apt-get install chromium`) and nothing of Python's but the standard library.
Last line: `views=x errors=x requests=x overflow=x undrawn=x away=x`; exit code 1 unless all but the
first are 0.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks.devtools import Page, chromium

SECONDS = 60.0
TALLEST = 16_000  # pixels of the screen: what Chromium paints in one piece

DRAWN = "document.readyState === 'complete' && !document.querySelector('.plot[hidden]')"
UNDRAWN = "document.querySelectorAll('.plot[hidden]').length"
AWAY = (
    '[href]:not([href^="#"]):not([href^="data:"])',
    '[src]:not([src^="data:"])',
    '[data-title*="loud"]',
    "form",
)
LEADING_AWAY = f"document.querySelectorAll('{', '.join(AWAY)}').length"
# What sticks out of the page, and is not meant to be scrolled within a box of its own.
OVERFLOW = "Math.max(0, document.documentElement.scrollWidth - window.innerWidth)"


@dataclass(frozen=True)
class View:
    """How the page is looked at."""

    width: int
    scheme: str
    scripts: bool = True

    @property
    def name(self) -> str:
        return f"{self.width}-{self.scheme}" + ("" if self.scripts else "-no-scripts")


@dataclass(frozen=True)
class Seen:
    """What was wrong in a view: counts, and pixels for ``overflow``."""

    errors: int
    requests: int
    overflow: int
    undrawn: int
    away: int


VIEWS = (
    View(1280, "light"),
    View(1280, "dark"),
    View(390, "light"),
    View(390, "dark"),
    View(390, "light", scripts=False),
)


def look(page: Page, address: str, view: View) -> Seen:
    """Open the page as ``view`` says and look it over; prints what is wrong."""
    phone = view.width < 700
    page.call(
        "Emulation.setDeviceMetricsOverride",
        width=view.width,
        height=844 if phone else 900,
        deviceScaleFactor=3 if phone else 1,
        mobile=phone,
    )
    page.call("Emulation.setTouchEmulationEnabled", enabled=phone)
    scheme = {"name": "prefers-color-scheme", "value": view.scheme}
    page.call("Emulation.setEmulatedMedia", media="screen", features=[scheme])
    page.call("Emulation.setScriptExecutionDisabled", value=not view.scripts)
    page.call("Page.navigate", url="about:blank")
    page.events.clear()
    page.call("Page.navigate", url=address)
    page.wait_for(DRAWN if view.scripts else "document.readyState === 'complete'", SECONDS)
    undrawn = int(page.value(UNDRAWN)) if view.scripts else 0
    errors, requests = list(_errors(page)), list(_requests(page, address))
    for told in [*errors, *requests]:
        print(f"{view.name}: {told}")
    wide, away = int(page.value(OVERFLOW)), int(page.value(LEADING_AWAY))
    return Seen(len(errors), len(requests), wide, undrawn, away)


def _errors(page: Page) -> list[str]:
    found = []
    for method, params in page.events:
        if method == "Runtime.exceptionThrown":
            found.append(f"exception: {params['exceptionDetails'].get('text')}")
        if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            found.append(f"console: {[each.get('value') for each in params['args']]}")
        if method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            found.append(f"log: {params['entry']['text']}")
    return found


def _requests(page: Page, address: str) -> list[str]:
    sent = [p["request"]["url"] for m, p in page.events if m == "Network.requestWillBeSent"]
    own = (address, "data:", "blob:", "about:")
    return [f"request: {url}" for url in sent if not url.startswith(own)]


def shoot(page: Page, file: Path) -> None:
    """The whole page as a picture, smaller where it is too tall."""
    time.sleep(0.5)  # plotly fades its buttons out
    size = page.call("Page.getLayoutMetrics")["cssContentSize"]
    pixels = size["height"] * float(page.value("window.devicePixelRatio"))
    clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"]}
    clip["scale"] = min(1.0, TALLEST / pixels)
    shot = page.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
    file.write_bytes(base64.b64decode(shot["data"]))


def print_out(page: Page, file: Path) -> None:
    """The page on A4."""
    page.call("Emulation.setEmulatedMedia", media="", features=[])
    printed = page.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)
    file.write_bytes(base64.b64decode(printed["data"]))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("report", type=Path, help="a report.html")
    parser.add_argument("--shots", type=Path, help="a folder for pictures of what was seen")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    given = parser.parse_args()
    address = given.report.resolve(strict=True).as_uri()
    if given.shots:
        given.shots.mkdir(parents=True, exist_ok=True)
    all_seen = []
    with chromium(given.chromium) as page:
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        for view in VIEWS:
            seen = look(page, address, view)
            print(f"{view.name:24} {_told([seen])}", flush=True)
            all_seen.append(seen)
            if given.shots:
                shoot(page, given.shots / f"{view.name}.png")
                if view == VIEWS[0]:
                    print_out(page, given.shots / "printed.pdf")
    print(f"views={len(all_seen)} {_told(all_seen)}")
    return int(any(seen != Seen(0, 0, 0, 0, 0) for seen in all_seen))


def _told(seen: list[Seen]) -> str:
    names = [field.name for field in fields(Seen)]
    return " ".join(f"{name}={sum(getattr(each, name) for each in seen)}" for name in names)


if __name__ == "__main__":
    sys.exit(main())
