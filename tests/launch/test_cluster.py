"""A launched sweep on three nodes: nodes die, the driver dies, it is stopped; nothing is lost."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import analysis
from benchmarks.faults.nodes import Node, Nodes
from tests.command import Done, assert_refused, call
from tests.driver.sweeps import assert_each_once, of_kind, read_events
from tests.launch.launched import (
    TRIALS,
    Command,
    Watched,
    assert_goes_on_from_its_last_epoch,
    job_of,
    write_config,
)

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.timeout(600)  # all is run in the first test's setup


@dataclass
class Story:
    """How each command ended, and what it left."""

    folder: Path
    config: Path
    done: dict[str, Done] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    cwd: str = ""
    before: int = 0


@pytest.fixture(scope="module")
def story(cluster: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    root = tmp_path_factory.mktemp("launched")
    shared = Path(tempfile.mkdtemp(prefix="shared-"))
    told = Story(shared / "tiny", write_config(root / "tiny.yaml", epoch=1.0))
    env = {"RAY_AUTH_TOKEN": cluster.token}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", cluster.token)
        _tell(told, cluster, root, env)
    yield told
    shutil.rmtree(shared, ignore_errors=True)


def _tell(told: Story, cluster: Nodes, root: Path, env: dict[str, str]) -> None:
    sweep = Watched(cluster, told.folder)
    launch = ("launch", told.config, "--address", cluster.url, "--out", told.folder)

    first = Command(root / "first", env, *launch)  # and followed to its end
    time.sleep(2)
    sweep.wait_for(lambda: len(sweep.records()) >= 3)
    told.cwd = sweep.driver().cwd()
    joins = Command(root / "joins", env, *launch)
    cluster.remove(cluster.workers[0])  # its power is cut
    cluster.add()
    sweep.more_records(3)
    joins.process.send_signal(signal.SIGINT)
    told.done["joins"] = joins.end()
    cluster.remove(cluster.workers[0], Node.drain)  # it is a spot machine that goes
    cluster.add()
    sweep.more_records(2)
    told.before = len(sweep.events)
    sweep.kill_driver()
    told.done["first"] = first.end()

    second = Command(root / "second", env, *launch, "--detach")
    told.done["second"] = second.end()
    told.jobs["second"] = job_of(cluster).submission_id
    sweep.more_records(2)
    told.done["status"] = Command(
        root / "status", env, "status", "tiny", "--address", cluster.url
    ).end()
    told.done["stop"] = Command(root / "stop", env, "stop", "tiny", "--address", cluster.url).end()

    told.done["third"] = Command(root / "third", env, *launch).end()
    told.jobs["third"] = job_of(cluster).submission_id


def test_the_sweep_ends_and_every_trial_ended_once(story: Story) -> None:
    assert story.done["third"].code == 0, story.done["third"].err
    events = read_events(story.folder)
    assert_each_once(events, TRIALS)
    assert analysis.load(story.folder).counts["completed"] == TRIALS


def test_what_was_written_still_stands_and_no_more_than_the_epoch_in_flight_was_lost(
    story: Story,
) -> None:
    events = read_events(story.folder)
    assert 0 < story.before < len(events)
    assert of_kind(events, "lost")
    assert_goes_on_from_its_last_epoch(events)


def test_a_lost_driver_is_said_and_the_same_command_goes_on(story: Story) -> None:
    first = story.done["first"]
    assert first.code == 5 and "signal 9" in first.err and "what was done is kept" in first.err
    assert story.jobs == {"second": "sweep-tiny~2", "third": "sweep-tiny~3"}
    assert len(of_kind(read_events(story.folder), "resume")) == 2


def test_progress_is_followed_on_standard_error(story: Story) -> None:
    assert story.done["first"].out == "sweep-tiny\n"
    assert "dense baseline" in story.done["first"].err
    assert f"{TRIALS}/{TRIALS}" in story.done["third"].err
    assert "Traceback" not in story.done["third"].err


def test_a_second_launch_joins_and_ctrl_c_lets_go_of_it_alone(story: Story) -> None:
    joins = story.done["joins"]
    assert joins.code == 130 and joins.out == "sweep-tiny\n"
    assert "runs already" in joins.err and "detached" in joins.err
    for command in ("sweep logs", "sweep status", "sweep stop", "sweep report"):
        assert command in joins.err


def test_a_detached_launch_names_its_job_and_leaves(story: Story) -> None:
    assert story.done["second"].code == 0 and story.done["second"].out == "sweep-tiny~2\n"


def test_status_knows_the_job_and_the_sweep(story: Story) -> None:
    told = story.done["status"]
    assert told.code == 0, told.err
    assert "job sweep-tiny~2: running" in told.out and f"of {TRIALS} planned" in told.out


def test_stop_saves_the_state_and_waits(story: Story) -> None:
    assert story.done["stop"].code == 0, story.done["stop"].err
    assert "interrupted by SIGTERM; all is saved" in story.done["stop"].err
    [interrupt] = of_kind(read_events(story.folder), "interrupt")
    assert interrupt["signal"] == "SIGTERM"


def test_the_job_ran_what_was_sent_and_not_what_is_installed(story: Story) -> None:
    assert "working_dir_files/_ray_pkg_" in story.cwd


@pytest.mark.usefixtures("token")
def test_logs_of_a_name_or_of_a_job(story: Story, cluster: Nodes, capsys: Capture) -> None:
    address = ("--address", cluster.url)
    done = call(capsys, "logs", "tiny", *address)
    assert done.code == 0 and f"{TRIALS}/{TRIALS}" in done.out
    assert "all is saved" in call(capsys, "logs", "sweep-tiny~2", *address).out
    followed = call(capsys, "logs", "sweep-tiny~2", *address, "--follow")
    assert followed.code == 143 and "launch command again" in followed.err
    assert_refused(call(capsys, "logs", "other", *address), 2, "'other'", "it has: tiny")


@pytest.mark.usefixtures("token")
def test_stopping_what_has_ended_says_so(story: Story, cluster: Nodes, capsys: Capture) -> None:
    done = call(capsys, "stop", "tiny", "--address", cluster.url)
    assert done.code == 0 and "ended already: succeeded" in done.err


def test_no_token_and_a_wrong_one(
    story: Story, cluster: Nodes, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    launch = ("launch", story.config, "--address", cluster.url, "--out", story.folder)
    assert_refused(call(capsys, *launch), 5, "wants a token", "~/.ray/auth_token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "wrong")
    assert_refused(call(capsys, *launch), 5, "refused the token of RAY_AUTH_TOKEN")
