"""Whether a Ray cluster is there and lets us in: found out in seconds, before Ray itself tries."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from sweep.cluster.auth import Token, refusal, use_token
from sweep.errors import ClusterError, UsageError

SECONDS = 10
"""Ray itself tries for 20 seconds and more, and then does not say why."""


def reach(address: str) -> None:
    """Return where a Ray cluster answers at ``address`` (HOST:PORT) and takes our token.

    To be called before Ray is imported, which reads then whether a token is to be sent. Raises
    :class:`~sweep.errors.UsageError` for an address that is not for drivers, and
    :class:`~sweep.errors.ClusterError` where nothing answers, or the token is missing or wrong.
    """
    _check_kind(address)
    token = use_token()
    host, _, port = address.rpartition(":")
    if not port.isdigit():  # "auto", "local": Ray knows where
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"nothing answers at {address} ({error.strerror or error}): is the Ray cluster up, and "
            "the address (--address, RAY_ADDRESS) right?"
        ) from error
    _knock(address, token)


def _check_kind(address: str) -> None:
    kind, found, rest = address.partition("://")
    if not found:
        return
    if kind in ("http", "https"):
        what = f"is the Jobs API's: sweep launch takes it ({address}); a driver on the cluster"
    else:
        what = f"is of another kind ({kind}://): a driver on the cluster"
    raise UsageError(f"the address {rest} {what} takes HOST:PORT, usually port 6379")


def _knock(address: str, token: Token | None) -> None:
    """Ask the head for the cluster's id, as a driver does first, and once only."""
    import ray  # seconds of its own

    heard: list[BaseException | None] = []
    thread = threading.Thread(
        target=_ask, args=(ray._raylet.GcsClient, address, heard), daemon=True
    )
    thread.start()
    thread.join(SECONDS)
    kind = type(heard[0]).__name__ if heard else "silence"
    if kind in ("silence", "RpcError"):
        raise ClusterError(
            f"what answers at {address} is no Ray head: give the address that `ray start --head` "
            "printed, usually port 6379 (--address, RAY_ADDRESS)"
        )
    if kind == "AuthenticationError":
        raise ClusterError(refusal(address, token))


def _ask(client: Callable[..., object], address: str, heard: list[BaseException | None]) -> None:
    try:
        client(address=address)
    except BaseException as error:  # whatever else it is, ray.init will meet it too, and say it
        heard.append(error)
    else:
        heard.append(None)


def said(error: BaseException) -> str:
    """What Ray says of a connection that failed, on one line: the first, or the versions."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    if not lines[0].startswith("Version mismatch"):
        return lines[0]
    found = " ".join(line for line in lines[:6] if line)
    return f"{found.rstrip('.')}; install the cluster's versions here, or use sweep launch"
