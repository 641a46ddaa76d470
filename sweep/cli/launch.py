"""`sweep launch`, `logs`, `stop`, and `status` of a sweep on a cluster."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer

from sweep.cli import Config, Settings
from sweep.errors import ClusterError, UsageError

if TYPE_CHECKING:
    from sweep.cluster.jobs.api import JobsApi
    from sweep.cluster.jobs.job import Job

Jobs = Annotated[str, typer.Option("--address", help="the cluster's Jobs API: http://HOST:8265")]
JobName = Annotated[str, typer.Argument(help="a sweep's name, or a job's id")]

DETACHED = 130
TAIL = 3


def launch(
    config: Config,
    jobs: Jobs,
    settings: Settings = None,
    out: Annotated[
        str | None,
        typer.Option("--out", help="shared folder, or s3://... (default: <storage>/<name>)"),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="submit, and do not follow")] = False,
    python: Annotated[str, typer.Option(help="the command on the head")] = "python",
) -> None:
    """Run a sweep as a Ray job on a cluster, and follow it; again: join it, or go on with it."""
    from sweep.cluster.jobs.api import JobsApi
    from sweep.cluster.jobs.submit import check_travels, submit
    from sweep.config import plan
    from sweep.config.load import load_config

    resolved = load_config(config, settings or [])
    place = (out or plan.results_path(resolved)).rstrip("/")
    check_travels(resolved, place)
    api = JobsApi(jobs)
    version = api.ray_version()
    job, is_new = submit(api, resolved, place, python)
    how = "submitted to" if is_new else "runs already on"
    _say(f"sweep {job.name} {how} Ray {version} at {api.url} as job {job.submission_id}")
    _say(_commands(job, api.url))
    print(job.submission_id, flush=True)
    if not detach:
        _follow(api, job, sys.stderr)


def logs(
    name: JobName,
    jobs: Jobs,
    is_followed: Annotated[bool, typer.Option("--follow", help="until it ends")] = False,
) -> None:
    """What a launched sweep prints."""
    api, job = _job(name, jobs)
    if is_followed:
        _follow(api, job, sys.stdout)
    print(api.logs(job.submission_id), end="")


def stop(name: JobName, jobs: Jobs) -> None:
    """Stop a launched sweep; its state is saved."""
    from sweep.cluster.jobs.job import wait
    from sweep.cluster.jobs.submit import STOP_SECONDS

    api, job = _job(name, jobs)
    if not job.is_live:
        _say(f"job {job.submission_id} has ended already: {_state(job)}")
        return
    api.stop(job.submission_id)
    _say(f"job {job.submission_id} is asked to stop; it saves its state")
    job = wait(api, job, STOP_SECONDS + 10)
    if job.is_live:
        raise ClusterError(f"job {job.submission_id} has not ended in {STOP_SECONDS + 10} s")
    for line in _tail(api, job):
        _say(f"  {line}")
    _say(f"{_state(job)}; to go on, give the same sweep launch command again")


def show_job(name: str, address: str, as_json: bool) -> None:
    """The job of a sweep; and the sweep itself, where its results can be read from here."""
    api, job = _job(name, address)
    from sweep.cli.results import print_status, status_of  # pandas: for this one alone

    results = _results(job.place)
    if as_json:
        told = {"id": job.submission_id, "status": job.status, "place": job.place}
        found = None if results is None else status_of(results)
        print(json.dumps({"job": {**told, "exit_code": job.code}, "sweep": found}, indent=2))
        return
    print(f"job {job.submission_id}: {_state(job)}; results: {job.place}")
    if results is not None:
        print_status(results)
        return
    print("its results are not to be read from here; it said last:")
    for line in _tail(api, job):
        print(f"  {line}")


def _job(name: str, address: str) -> tuple[JobsApi, Job]:
    """The Jobs API at an address, and the job of that name."""
    from sweep.cluster.jobs.api import JobsApi
    from sweep.cluster.jobs.job import latest

    api = JobsApi(address)
    return api, latest(api, name)


def _follow(api: JobsApi, job: Job, stream: TextIO) -> NoReturn:
    """Show what the job prints, and exit as it does. Ctrl-C lets go of it alone."""

    from sweep.cluster.jobs.job import INTERRUPTED, follow

    def write(text: str) -> None:
        print(text, end="", file=stream, flush=True)

    try:
        ended = follow(api, job, write)
    except KeyboardInterrupt:
        _say(f"\ndetached: job {job.submission_id} goes on\n{_commands(job, api.url)}")
        sys.exit(DETACHED)
    code = ended.exit_code()
    _say(f"{_state(ended)}; results: {job.place}")
    if code == INTERRUPTED:
        _say("to go on, give the same sweep launch command again")
    sys.exit(code)


def _commands(job: Job, url: str) -> str:
    rows = {
        "follow": f"sweep logs {job.name} --address {url} --follow",
        "status": f"sweep status {job.name} --address {url}",
        "stop": f"sweep stop {job.name} --address {url}",
        "go on": "the same sweep launch command again",
        "results": f"sweep report {job.place}",
    }
    return "\n".join(f"  {name + ':':9}{text}" for name, text in rows.items())


def _state(job: Job) -> str:
    code = "" if job.code is None else f" (exit code {job.code})"
    return f"{job.status.lower()}{code}"


def _tail(api: JobsApi, job: Job) -> list[str]:
    lines = [line for line in api.logs(job.submission_id).splitlines() if line.strip()]
    return lines[-TAIL:]


def _results(place: str) -> Any:
    """The results at a place, None where this machine cannot read them (yet)."""
    if "://" not in place and not Path(place).is_dir():
        return None
    import analysis

    try:
        return analysis.load(place)
    except (UsageError, OSError):
        return None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
