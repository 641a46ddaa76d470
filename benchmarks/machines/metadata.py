"""AWS's metadata service on a simulated machine: a spot machine that has got its notice."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer

ADDRESS = "169.254.169.254"


class Told(BaseHTTPRequestHandler):
    """Answers with the token and the notice."""

    def do_PUT(self) -> None:
        self._answer("token")

    def do_GET(self) -> None:
        self._answer('{"action": "terminate"}')

    def _answer(self, text: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    HTTPServer((ADDRESS, 80), Told).serve_forever()
