"""Connect to Ray: to a private local cluster, or to the cluster at an address, with its token.

Ray tries for more than 20 seconds to reach a cluster, and then does not say why it failed. So
:func:`reach` finds the cause first, within seconds. Whoever reaches a Ray cluster can run code on
it, so a cluster should demand a token (``RAY_AUTH_MODE=token`` on every node). The token is looked
up where Ray itself looks it up.
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
from sweep.printable import printable

# Ray reads these variables when it is imported, so they are set before. They turn off usage pings,
# result files beside the ledger, and snapshots of Tune's state (a sweep resumes from its ledger).
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

SECONDS = 10
"""How long a cluster may take to answer."""

HOW = "set RAY_AUTH_TOKEN to the cluster's token, or write the token to ~/.ray/auth_token"
"""How to give a token: the end of an error message."""


def cluster_at(address: str | None) -> str | None:
    """The address of a cluster: the given one, or else that of ``RAY_ADDRESS``.

    It is None, which means Ray on this machine alone, if the address is empty or ``local``.
    """
    found = os.environ.get("RAY_ADDRESS", "") if address is None else address
    return None if found.strip() in ("", "local") else found.strip()


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A connection to Ray for the time of the block.

    Without an address, a cluster with this machine's CPUs and GPUs is started, and stopped at the
    end. It has its own token, because Ray listens on all interfaces. Raises
    :class:`~sweep.errors.ClusterError` if Ray cannot be reached or started.
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

    # Only settings and records pass through the object store.
    local: dict[str, Any] = {"include_dashboard": False, "object_store_memory": 256 * 1024**2}
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
        raise ClusterError(
            f"cannot connect to Ray at {where}: {connection_error(error)}"
        ) from error
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        with contextlib.suppress(Exception):
            ray.shutdown()


def connection_error(error: BaseException) -> str:
    """Ray's message about a failed connection, on one line: its first line, or the versions."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    if not lines[0].startswith("Version mismatch"):
        return lines[0]
    found = " ".join(line for line in lines[:6] if line)
    return f"{found.rstrip('.')}; install the cluster's versions here, or use sweep launch"


def reach(address: str) -> None:
    """Check that a Ray cluster answers at ``address`` (HOST:PORT) and accepts our token.

    Call it before Ray is imported, because Ray then reads whether it has to send a token. Raises
    :class:`~sweep.errors.UsageError` for an address that is not for drivers, and
    :class:`~sweep.errors.ClusterError` if nothing answers, or the token is missing or wrong.
    """
    if "://" in address:
        raise UsageError(
            f"give HOST:PORT of the Ray head, usually port 6379, not {printable(address)}; an "
            "http:// address is that of the Jobs API, for sweep launch"
        )
    token = find_token()
    if token is not None:  # Ray sends it unasked only to clusters that it started itself
        os.environ["RAY_AUTH_MODE"] = "token"
    host, _, port = address.rpartition(":")
    if not port.isdigit():  # "auto": Ray finds the cluster
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"nothing answers at {address} ({error.strerror or error}): is the Ray cluster "
            "running, and is the address (--address, RAY_ADDRESS) correct?"
        ) from error
    _knock(address, token)


def _knock(address: str, token: Token | None) -> None:
    """Ask the head once for the cluster's id, which is a driver's first request too."""
    import ray  # noqa: F401 - the import takes seconds, which must not count as the head's

    heard = ["silence"]

    def ask() -> None:
        try:
            machines.head_at(address)
            heard.append("an answer")
        except BaseException as error:  # ray.init meets another error too, and the user sees it
            heard.append(type(error).__name__)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(SECONDS)
    kind = heard[-1]
    if kind in ("silence", "RpcError"):
        raise ClusterError(
            f"the server at {address} is not a Ray head: give the address that `ray start --head` "
            "printed, usually with port 6379 (--address, RAY_ADDRESS)"
        )
    if kind == "AuthenticationError":
        raise ClusterError(refusal(address, token))


@dataclass(frozen=True)
class Token:
    """A token, and the variable or file that holds it."""

    text: str
    source: str


def find_token() -> Token | None:
    """The token in ``RAY_AUTH_TOKEN``, in the file ``RAY_AUTH_TOKEN_PATH``, or in Ray's own file.

    It is None also if ``RAY_AUTH_MODE`` turns tokens off.
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


def refusal(where: str, token: Token | None) -> str:
    """The error message for a cluster at ``where`` that refused the connection."""
    if token is None:
        mode = os.environ.get("RAY_AUTH_MODE")
        off = f" (RAY_AUTH_MODE is {mode})" if mode and mode != "token" else ""
        return f"the Ray cluster at {where} demands a token, and none was found{off}: {HOW}"
    return f"the Ray cluster at {where} refused the token from {token.source}: {HOW}"
