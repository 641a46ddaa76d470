"""Connect to Ray: a private local cluster, or the one at an address."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import warnings
from collections.abc import Iterator
from typing import Any

from sweep.cluster.reach import reach, said
from sweep.errors import ClusterError

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


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A Ray connection for the time of the block.

    Without an address a cluster of this machine's CPUs and GPUs is started, with a token of its
    own (Ray listens on all interfaces, and runs what it is sent), and ended after. Raises
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
