"""A launched sweep of the digits, a real model, on three nodes of this machine, disturbed.

`python -m benchmarks.launched`: a worker node loses its power, another is drained as a spot machine
is, the driver is killed and the sweep launched again, stopped, and launched a third time. Last
line: trials=8 lost=0 duplicated=0 repeated=0.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.faults.verdict import duplicated, lost, of_kind
from tests.harness.launched import SHARED, Story, repeated, write_config
from tests.harness.nodes import cluster

DIGITS: dict[str, Any] = {
    "task": {"dataset": "digits", "max_length": 64},
    "baseline": {"epochs": 8, "learning_rate": 2e-3},
}


def main() -> None:
    """The digits, through all of it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    trials = 8
    with TemporaryDirectory(**SHARED) as root, cluster(1, 1, jobs=True) as nodes:
        config = write_config(Path(root) / "digits3.yaml", trials, **DIGITS)
        story = Story(nodes, Path(root) / "sweep", config, Path(root))
        story.tell()
        codes = {name: done.code for name, done in story.done.items()}
        counts = {kind: len(of_kind(story.events, kind)) for kind in ("lost", "resume", "record")}
        print(f"exit codes: {codes}; events: {counts}")
        missing = lost(story.events, story.before, trials)
        twice = duplicated(story.events)
        ended = codes["third"] == 0 and story.events[-1]["event"] == "finish"
        print(
            f"trials={trials} lost={missing} duplicated={twice} repeated={repeated(story.events)}"
        )
    sys.exit(0 if ended and not missing and not twice else 1)


if __name__ == "__main__":
    main()
