"""A launched sweep of the digits on three nodes of this machine, with injected faults.

`python -m benchmarks.launched`: one worker node is killed, another is drained like a preempted spot
machine, the driver is killed, and the sweep is launched again, stopped, and launched a third time.
Last line: trials=8 lost=0 duplicated=0 repeated=0.
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
    """Run the digits through all faults and print the counts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background shells ignore SIGINT
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
