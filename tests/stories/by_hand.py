"""A user's script: it registers a criterion and a metric, and runs a sweep with a listener.

The sweep runs in a thread, as in a program with a window. ``python -m tests.stories.by_hand FOLDER
ADDRESS``: what it registers belongs to no module that a worker could import.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import sweep
from tests.harness.sweeps import CONFIG


@sweep.register_criterion("square")
def square(weight: Any, statistic: None, generator: Any) -> Any:
    """It orders weights as l1-norm does."""
    return weight.detach() ** 2


@sweep.register_metric("hits", worst=0.0, unit="share")
def hits(labels: Any, answers: Any) -> float:
    """Accuracy under another name."""
    return float((labels == answers).mean())


class Counter(sweep.Listener):
    """Counts the events."""

    count = 0

    def on_event(self, event: Any) -> None:
        self.count += 1


def main(folder: str, address: str) -> None:
    config = {**CONFIG, "task": {**CONFIG["task"], "metric": "hits"}}
    config["objectives"] = {"hits": "max", "sparsity": "max"}
    counter = Counter()
    begin = partial(sweep.run, out=folder, address=address, listeners=[counter])
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(begin, config, "search.trials=3", "space.method=square")
        print(run.result(), counter.count)


if __name__ == "__main__":
    main(*sys.argv[1:])
