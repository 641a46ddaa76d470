"""Machines killed, drained and added during one sweep: real nodes of Ray on this machine."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.verdict import Event, of_kind
from tests.harness import sweeps
from tests.harness.launched import repeated
from tests.harness.node import Node
from tests.harness.nodes import Cluster, cluster
from tests.harness.sweeps import DIGITS, assert_each_once
from tests.stories.conftest import Sweep, swept

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # the sweep is the first test's setup

TRIALS, EPOCHS = 5, 16
"""Trials longer than a worker takes to start on a busy machine (11 s). Tune gives the actor of an
ended trial to a waiting one, and drops the actor that was still starting for that trial elsewhere.
"""


@dataclass
class Story(Sweep):
    """A sweep on three machines: one is killed, one is drained, and one is added."""

    went: bool
    """Whether the drained machine had ended before the sweep did."""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    with cluster(1, 1, 1) as found, pytest.MonkeyPatch.context() as patch:
        for name, value in found.environment.items():
            patch.setenv(name, value)
        yield found


@pytest.fixture(scope="module")
def story(nodes: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Story:
    root = tmp_path_factory.mktemp("lost")
    sections: dict[str, Any] = {
        "task": {"seconds_per_epoch": 1.0},
        "space": {"finetune_epochs": EPOCHS},
        "search": {
            "trials": TRIALS,
            "scheduler": "fifo",
            "max_concurrent": "auto",
            "max_failures": 1,
        },
    }
    config, folder = sweeps.write_config(root / "c.yaml", **sections), root / "sweep"
    arguments = ("run", config, "--out", folder, "--address", nodes.address)
    with sweeps.started(folder, root / "log", *arguments) as process:

        def lost(preempted: bool) -> list[Event] | None:
            found = of_kind(process.events, "lost")
            return [e for e in found if e["preempted"] is preempted] or None

        process.wait_for(lambda: len({r["worker"] for r in process.records}) == 3 or None)
        _, first, second, _ = nodes.nodes
        first.kill()
        process.wait_for(lambda: lost(preempted=False))
        second.terminate()
        process.wait_for(lambda: lost(preempted=True))
        process.signal(signal.SIGSTOP)  # a node may take longer to start than the rest of the sweep
        nodes.add().wait()
        process.signal(signal.SIGCONT)
        done = process.end()
    return Story(config, folder, done, went=not second.is_running)


def test_every_trial_ends_once_and_only_running_epochs_are_lost(story: Story) -> None:
    assert story.done.code == 0, story.done.err
    assert_each_once(story.events, TRIALS)
    assert repeated(story.events) == 0
    assert {event["status"] for event in of_kind(story.events, "end")} == {"completed"}


def test_a_killed_machine_counts_as_a_failure_and_a_drained_one_does_not(story: Story) -> None:
    lost = of_kind(story.events, "lost")
    assert sorted(event["preempted"] for event in lost) == [False, True]
    assert [e["reason"] for e in lost if e["preempted"]] == ["its machine was drained"]
    assert all(event["reason"] != "the worker died" for event in lost)  # Ray gives a better reason


def test_a_drained_machine_ends_without_waiting(story: Story) -> None:
    assert story.went  # its worker left it after an epoch


def test_a_machine_added_later_runs_trials(story: Story) -> None:
    events = story.events
    assert max(event["count"] for event in of_kind(events, "workers")) == 3
    last = max(i for i, event in enumerate(events) if event["event"] == "lost")
    assert len({e["worker"] for e in of_kind(events[last:], "record")}) >= 2


def test_the_dense_model_is_made_on_one_machine_and_sent_to_the_others(
    story: Story, nodes: Cluster, tmp_path: Path
) -> None:
    left = [node for node in nodes.nodes[1:] if node.is_running]
    sections: dict[str, Any] = {
        **DIGITS,
        "baseline": {"epochs": 2, "learning_rate": 2e-3},
        "space": {"finetune_epochs": 1},
        "search": {"trials": 2, "scheduler": "fifo", "max_concurrent": "auto"},
    }
    found = swept(tmp_path, "--address", nodes.address, **sections)
    assert found.done.code == 0, found.done.err
    assert len(left) == len({e["worker"] for e in of_kind(found.events, "record")}) == 2
    made = [dense_files(node) for node in left]
    assert made[0] == made[1]  # equal seconds of finetuning show that it was done once
    assert any(name.endswith("finetune.json") for name in made[0])


def dense_files(node: Node) -> dict[str, bytes]:
    """The files of the dense model in a machine's cache; each machine measures its figures."""
    return {file.name: file.read_bytes() for file in (node.cache / "dense").glob("*/model/*")}
