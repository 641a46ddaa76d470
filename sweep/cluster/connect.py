"""Connect to Ray: a private local cluster, or the one at an address, with its token.

Ray itself tries for 20 seconds and more to reach a cluster, and then does not say why it could not;
so it is found out in seconds beforehand. And Ray runs what it is sent: a cluster should demand a
token (``RAY_AUTH_MODE=token`` on every node), which is looked for where Ray itself does.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.cluster import machines
from sweep.errors import ClusterError, UsageError

# Read by ray when it is imported, so set before: no usage pings, no result files beside the
# ledger, no snapshots of Tune's own state (the ledger is rebuilt from, never those).
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "TUNE_WARN_THRESHOLD_S": "60",
}
OBJECT_STORE_BYTES = 256 * 1024**2  # only settings and records pass through it

SECONDS = 10
"""Within which a cluster must answer."""

HOW = "set RAY_AUTH_TOKEN to the cluster's token, or put it into ~/.ray/auth_token"
"""What to do for a token, as the end of a sentence."""


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A Ray connection for the time of the block.

    Without an address a cluster of this machine's CPUs and GPUs is started, with a token of its
    own (Ray listens on all interfaces), and ended after. Raises
    :class:`~sweep.errors.ClusterError` where Ray cannot be reached or started.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if address is None:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        if os.environ["RAY_AUTH_MODE"] == "token":
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    else:
        reach(address)
    warnings.filterwarnings("ignore", category=FutureWarning, module="ray")
    import ray

    local: dict[str, Any] = {
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
    }
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
            **(local if address is None else {}),
        )
    except Exception as error:  # ray raises ConnectionError, RuntimeError, ValueError and more
        where = address or "this machine"
        raise ClusterError(f"Ray at {where} cannot be reached: {said(error)}") from error
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        with contextlib.suppress(Exception):
            ray.shutdown()


def said(error: BaseException) -> str:
    """What Ray says of a connection that failed, on one line: the first, or the versions."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    if not lines[0].startswith("Version mismatch"):
        return lines[0]
    found = " ".join(line for line in lines[:6] if line)
    return f"{found.rstrip('.')}; install the cluster's versions here, or use sweep launch"


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
    import ray  # noqa: F401 - seconds of its own, which are not the head's

    heard: list[BaseException | None] = []
    thread = threading.Thread(target=_ask, args=(address, heard), daemon=True)
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


def _ask(address: str, heard: list[BaseException | None]) -> None:
    try:
        machines.head_at(address)
    except BaseException as error:  # whatever else it is, ray.init will meet it too, and say it
        heard.append(error)
    else:
        heard.append(None)


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
