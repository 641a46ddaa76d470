"""The token of a Ray cluster: where it is looked for, as Ray itself does, and what to do without.

Ray runs what it is sent, so a cluster should demand one (``RAY_AUTH_MODE=token`` on every node).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

HOW = "set RAY_AUTH_TOKEN to the cluster's token, or put it into ~/.ray/auth_token"
"""What to do for a token, as the end of a sentence."""


@dataclass(frozen=True)
class Token:
    """A token, and where it was found."""

    text: str
    source: str


def find_token() -> Token | None:
    """The token of ``RAY_AUTH_TOKEN``, of the file ``RAY_AUTH_TOKEN_PATH``, or of Ray's own file.

    None too where ``RAY_AUTH_MODE`` says that none is to be used.
    """
    if os.environ.get("RAY_AUTH_MODE", "token") != "token":
        return None
    if text := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return Token(text, "RAY_AUTH_TOKEN")
    given = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(given) if given else Path.home() / ".ray" / "auth_token"
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return Token(text, str(path)) if text else None


def use_token() -> Token | None:
    """Let Ray in this process send the token that there is. To be called before Ray is imported.

    Ray does so by itself only for clusters that it starts.
    """
    token = find_token()
    if token is not None:
        os.environ["RAY_AUTH_MODE"] = "token"
    return token


def refusal(where: str, token: Token | None) -> str:
    """A sentence for who was turned away by the cluster at ``where``."""
    if token is None:
        mode = os.environ.get("RAY_AUTH_MODE")
        off = f" (RAY_AUTH_MODE is {mode})" if mode and mode != "token" else ""
        return f"the Ray cluster at {where} wants a token, and there is none here{off}: {HOW}"
    return f"the Ray cluster at {where} refused the token of {token.source}: {HOW}"
