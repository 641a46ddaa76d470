"""A headless Chromium, told what to do over its DevTools protocol; the standard library alone.

The protocol is JSON over a WebSocket (RFC 6455) on the loopback interface. One page, one caller.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class WebSocket:
    """A client's end of a WebSocket to an address ``ws://host:port/path``."""

    def __init__(self, address: str, timeout: float) -> None:
        place, _, path = address.removeprefix("ws://").partition("/")
        host, _, port = place.partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout)
        key = base64.b64encode(os.urandom(16)).decode()
        head = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        asked = [f"GET /{path} HTTP/1.1", f"Host: {place}", *head, f"Sec-WebSocket-Key: {key}"]
        self._socket.sendall(("\r\n".join(asked) + "\r\n\r\n").encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self._exactly(1)
        if b" 101 " not in answer.split(b"\r\n")[0]:
            raise ConnectionError(f"no WebSocket at {address}: {answer[:80]!r}")

    def send(self, text: str) -> None:
        """One message, in one masked frame."""
        self._frame(TEXT, text.encode())

    def receive(self) -> str:
        """The next message, whole; ``TimeoutError`` where none comes."""
        message = b""
        while True:
            first, second = self._exactly(2)
            content = self._exactly(self._length(second & 0x7F))
            kind = first & 0x0F
            if kind == PING:
                self._frame(PONG, content)
                continue
            if kind == CLOSE:
                raise ConnectionError("the browser has closed the connection")
            message += content
            if first & 0x80:
                return message.decode()

    def close(self) -> None:
        self._socket.close()

    def _length(self, short: int) -> int:
        if short < 126:
            return short
        form, size = ("!H", 2) if short == 126 else ("!Q", 8)
        return int(struct.unpack(form, self._exactly(size))[0])

    def _frame(self, kind: int, content: bytes) -> None:
        size, mask = len(content), os.urandom(4)
        if size < 126:
            head = struct.pack("!BB", 0x80 | kind, 0x80 | size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, size)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))
        self._socket.sendall(head + mask + masked)

    def _exactly(self, size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            part = self._socket.recv(min(size - len(content), 1 << 20))
            if not part:
                raise ConnectionError("the browser has gone")
            content += part
        return bytes(content)


class Page:
    """One page of the browser; ``events`` are what it reported, in order, as (method, params)."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._number = 0
        self.events: list[tuple[str, dict[str, Any]]] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Do one thing and wait for its result; ``RuntimeError`` where the browser refuses."""
        self._number += 1
        number = self._number
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.receive())
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error'].get('message')}")
                result: dict[str, Any] = message["result"]
                return result
            if "method" in message:
                self.events.append((message["method"], message.get("params", {})))

    def value(self, expression: str) -> Any:
        """What a JavaScript expression evaluates to."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    def wait_for(self, expression: str, seconds: float) -> bool:
        """Whether an expression becomes true in time."""
        return _in_time(lambda: bool(self.value(expression)), seconds)


@contextmanager
def chromium(program: str, timeout: float = 60.0) -> Iterator[Page]:
    """A browser with an empty profile and one empty page; it ends with the block."""
    with tempfile.TemporaryDirectory() as profile:
        log = (Path(profile) / "log").open("wb")
        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        browser = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            socket = WebSocket(_address(Path(profile), timeout), timeout)
            yield Page(socket)
            socket.close()
        finally:
            browser.terminate()
            browser.wait(timeout)
            log.close()


def _address(profile: Path, timeout: float) -> str:
    """Where the page listens: the browser writes its port into its profile."""
    told = profile / "DevToolsActivePort"
    if not _in_time(lambda: told.exists() and "\n" in told.read_text(), timeout):
        raise TimeoutError(f"no browser after {timeout:.0f} s: {(profile / 'log').read_text()}")
    port = told.read_text().split()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=timeout) as answer:
        pages = [each for each in json.load(answer) if each["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])


def _in_time(done: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
