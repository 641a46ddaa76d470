"""`sweep confirm`: the front on test, under fresh seeds."""

from __future__ import annotations

import sys

from sweep.cli.confirmed import confirmed_text
from sweep.cli.results import refresh_results, refresh_tables
from sweep.cluster.abort import Interrupted
from sweep.cluster.confirm import run_confirm
from sweep.ledger.folder import SweepFolder
from sweep.ledger.open import read_events
from sweep.ledger.store import Place

SOME_FAILED = 3


def confirm(path: Place, seeds: int, runners_up: int, address: str | None) -> None:
    """Confirm the sweep of a folder; the same command again goes on, or adds what is missing."""
    folder = SweepFolder(path)
    config = folder.begun_with()
    folder.check_config()
    try:
        outcome = run_confirm(
            config, folder, _say, seeds=seeds, runners_up=runners_up, address=address
        )
    except Interrupted as error:
        refresh_tables(path)
        _say(f"{error}; all is saved. To go on: sweep confirm {path}")
        sys.exit(error.exit_code)
    refresh_results(path)
    print(confirmed_text(read_events(folder.ledger)))
    _say(f"{outcome.found} figures on test, {outcome.failed} retrainings failed")
    if outcome.failed:
        sys.exit(SOME_FAILED)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
