"""A replacement for an ssh server: it runs received commands in the machine's own environment.

There is one connection per command. A request is a line of JSON (``command``, ``size``,
``variables``) and ``size`` bytes of standard input. The answer is a sequence of frames: a kind (O:
output, X: exit code), a length, and the bytes. Output goes through a file, because daemons of the
command may keep it open. If the client disconnects, the command is killed. A request with
``connect``, a port on this machine's loopback, opens a tunnel instead: after one byte of answer,
bytes flow both ways.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

PORT = 22
FRAME = struct.Struct("!cI")


class Session(socketserver.StreamRequestHandler):
    """The connection of one command."""

    def handle(self) -> None:
        asked = json.loads(self.rfile.readline())
        if "connect" in asked:
            with socket.create_connection(("127.0.0.1", asked["connect"])) as inner:
                self.wfile.write(b"!")
                relay(self.connection, inner)
            return
        with tempfile.TemporaryFile() as given, tempfile.NamedTemporaryFile() as said:
            given.write(self.rfile.read(asked["size"]))
            given.seek(0)
            process = subprocess.Popen(
                ["/bin/bash", "-c", asked["command"]],
                stdin=given,
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**os.environ, **asked["variables"]},
                cwd=os.environ["HOME"],
                start_new_session=True,
            )
            with Path(said.name).open("rb") as output:
                while process.poll() is None:
                    self._send(b"O", output.read())
                    if select.select([self.connection], [], [], 0.05)[0]:  # the client disconnected
                        os.killpg(process.pid, signal.SIGTERM)
                        process.wait()
                        return
                self._send(b"O", output.read())
        self._send(b"X", str(process.returncode).encode())

    def _send(self, kind: bytes, data: bytes) -> None:
        if data:
            self.wfile.write(FRAME.pack(kind, len(data)) + data)


def relay(one: socket.socket, two: socket.socket) -> None:
    """Forward bytes both ways until one end closes."""
    other = {one: two, two: one}
    while True:
        for ready in select.select([one, two], [], [])[0]:
            data = ready.recv(1 << 16)
            if not data:
                return
            other[ready].sendall(data)


class Server(socketserver.ThreadingTCPServer):
    """A server with one thread per connection."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    with Server((sys.argv[1], PORT), Session) as server:
        server.serve_forever()
