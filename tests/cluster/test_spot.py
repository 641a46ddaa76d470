"""The notice to a spot machine, from an HTTP server like the metadata services of the clouds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sweep.cluster.spot import aws_notice, google_notice, wait_for_notice


class Metadata(BaseHTTPRequestHandler):
    """The pages of both clouds. AWS demands a token, and has its page only after the notice."""

    told = False

    def do_PUT(self) -> None:
        known = "X-aws-ec2-metadata-token-ttl-seconds" in self.headers
        self._answer(200 if known and self.path == "/api/token" else 403, "a token")

    def do_GET(self) -> None:
        if self.path == "/google" and self.headers.get("Metadata-Flavor") == "Google":
            self._answer(200, "TRUE\n" if self.told else "FALSE\n")
        elif self.headers.get("X-aws-ec2-metadata-token") != "a token":
            self._answer(401, "")
        else:
            told = self.told and self.path == "/meta-data/spot/instance-action"
            self._answer(200 if told else 404, '{"action": "terminate"}')

    def _answer(self, code: int, text: str) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def metadata() -> Iterator[tuple[type[Metadata], str]]:
    """The metadata service and its address."""

    class Here(Metadata):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Here) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Here, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("notice", "page"), [(aws_notice, ""), (google_notice, "/google")])
def test_a_cloud_gives_notice(
    metadata: tuple[type[Metadata], str], notice: Callable[[str], bool], page: str
) -> None:
    service, url = metadata
    assert not notice(url + page)
    service.told = True
    assert notice(url + page)


def test_a_machine_of_another_cloud_raises_oserror(metadata: tuple[type[Metadata], str]) -> None:
    with pytest.raises(OSError):
        aws_notice("http://127.0.0.1:9")
    with pytest.raises(OSError):
        google_notice(f"{metadata[1]}/elsewhere")


def test_it_waits_until_a_cloud_gives_notice(metadata: tuple[type[Metadata], str]) -> None:
    service, url = metadata
    asked: list[bool] = []

    def counted() -> bool:
        asked.append(aws_notice(url))
        service.told = len(asked) > 2
        return asked[-1]

    wait_for_notice((partial(aws_notice, "http://127.0.0.1:9"), counted), pause=0.01)
    assert asked == [False, False, False, True]
