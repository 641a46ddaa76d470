"""A launched sweep on three nodes that loses nodes and its driver, is stopped, and resumed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import analysis
from tests.faults.verdict import lost, of_kind
from tests.harness.command import Command, assert_refused
from tests.harness.launched import SHARED, Story, repeated, write_config
from tests.harness.nodes import Cluster
from tests.harness.sweeps import assert_each_once

TRIALS = 8

# the setup of the first test runs the whole story
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def story(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    root = tmp_path_factory.mktemp("launched")
    task = {"dataset": "closed-form", "seconds_per_epoch": 1.0}
    config = write_config(root / "tiny.yaml", TRIALS, task=task)
    with TemporaryDirectory(**SHARED) as shared:
        found = Story(cluster, Path(shared) / "sweep", config, root)
        found.tell()
        yield found


def test_the_sweep_ends_and_every_trial_ended_once(story: Story) -> None:
    assert story.done["third"].code == 0, story.done["third"].text
    assert_each_once(story.events, TRIALS)
    assert analysis.load(story.folder).counts["completed"] == TRIALS


def test_no_written_event_changed_and_at_most_the_running_epoch_was_lost(
    story: Story,
) -> None:
    assert story.before and lost(story.events, story.before, TRIALS) == 0
    assert of_kind(story.events, "lost") and repeated(story.events) == 0


def test_launch_shows_progress_and_the_same_command_resumes_after_a_lost_driver(
    story: Story,
) -> None:
    first = story.done["first"]
    assert first.wrong(5, "signal 9", "all finished work is saved") == ""
    assert "dense baseline" in first.text
    assert len(of_kind(story.events, "resume")) == 2
    assert story.done["third"].text.startswith("sweep-tiny~3\n")
    assert f"{TRIALS}/{TRIALS}" in story.done["third"].text


def test_two_that_launch_at_once_share_one_job(story: Story) -> None:
    texts = [story.done[name].text for name in ("first", "joins")]
    assert sorted("is already running on" in text for text in texts) == [False, True]
    assert all(text.startswith("sweep-tiny\n") for text in texts)


def test_ctrl_c_detaches_from_the_job_and_does_not_stop_it(story: Story) -> None:
    commands = ("sweep logs tiny", "sweep status tiny", "sweep stop tiny", "sweep report /")
    assert story.done["joins"].wrong(130, "detached", *commands) == ""


def test_a_detached_launch_names_its_job_and_returns(story: Story) -> None:
    assert story.done["second"].code == 0
    assert story.done["second"].text.startswith("sweep-tiny~2\n")
    assert "dense baseline" not in story.done["second"].text


@pytest.mark.usefixtures("token")
def test_status_shows_the_job_and_stop_waits_until_its_state_is_saved(
    story: Story, cluster: Cluster, cli: Command
) -> None:
    assert story.done["status"].wrong(0, "job sweep-tiny~2: running", f"of {TRIALS} planned") == ""
    assert (
        story.done["stop"].wrong(0, "interrupted by SIGTERM; all finished work is saved", "stopped")
        == ""
    )
    [interrupt] = of_kind(story.events, "interrupt")
    assert interrupt["signal"] == "SIGTERM"
    again = cli("stop", story.name, "--address", cluster.url)
    assert again.code == 0 and "has already ended: succeeded" in again.err


def test_the_job_ran_what_was_sent_and_not_what_is_installed(story: Story) -> None:
    assert "/working_dir_files/_ray_pkg_" in str(story.source)


def test_nodes_that_join_do_not_replace_the_source_of_the_others(story: Story) -> None:
    """The last records before the driver's end are from nodes that joined after its start."""
    assert len(set(story.unpacked)) == 1


@pytest.mark.usefixtures("token")
def test_logs_by_the_name_of_a_sweep_or_the_id_of_a_job(
    story: Story, cluster: Cluster, cli: Command
) -> None:
    address = ("--address", cluster.url)
    done = cli("logs", story.name, *address)
    assert done.code == 0 and f"{TRIALS}/{TRIALS}" in done.out
    assert "all finished work is saved" in cli("logs", "sweep-tiny~2", *address).out
    followed = cli("logs", "sweep-tiny~2", *address, "--follow")
    assert followed.code == 143 and "launch command again" in followed.err
    assert "all finished work is saved" in followed.out
    assert_refused(cli("logs", "other", *address), 2, "'other'", "its sweeps are: ", "tiny")
