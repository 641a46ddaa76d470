"""`sweep status`; and `launch`, `logs` and `stop`, for sweeps that run as jobs on a cluster."""

from __future__ import annotations

import json
import shlex
import sys
from typing import Annotated, Any, NoReturn, TextIO

import typer

import analysis
from sweep.cli import Config, Json, Out, Settings, say
from sweep.cli.results import print_status, status_of
from sweep.cluster.jobs.api import JobsApi
from sweep.cluster.jobs.job import INTERRUPTED, Job, follow, latest
from sweep.errors import UsageError

Jobs = Annotated[str, typer.Option("--address", help="Jobs API of the cluster, http://HOST:8265")]
JobName = Annotated[str, typer.Argument(help="name of a sweep, or id of a job")]


def launch(
    config: Config,
    jobs: Jobs,
    settings: Settings = None,
    out: Out = None,
    detach: Annotated[bool, typer.Option("--detach", help="submit without following")] = False,
    python: Annotated[str, typer.Option(help="Python command on the head node")] = "python",
) -> None:
    """Run a sweep as a job on a Ray cluster, and follow it.

    The same command again follows the job that runs, or continues the sweep in a new one.
    """
    from sweep.cluster.jobs.submit import check_travels, submit
    from sweep.config import plan
    from sweep.config.load import load_config

    resolved = load_config(config, settings or [])
    place = (out or plan.results_path(resolved)).rstrip("/")
    check_travels(resolved, place)
    api = JobsApi(jobs)
    version = api.ray_version()
    job, is_new = submit(api, resolved, place, python)
    how = "submitted to" if is_new else "is already running on"
    say(f"sweep {job.name} {how} Ray {version} at {api.url} as job {job.submission_id}")
    say(_commands(job, api.url))
    print(job.submission_id, flush=True)
    if not detach:
        _follow(api, job, sys.stderr)


def logs(
    name: JobName,
    jobs: Jobs,
    is_followed: Annotated[
        bool, typer.Option("--follow", help="follow the job until it ends")
    ] = False,
) -> None:
    """Print the log of a launched sweep."""
    api, job = _job(name, jobs)
    if is_followed:
        _follow(api, job, sys.stdout)
    print(api.logs(job.submission_id), end="")


def stop(name: JobName, jobs: Jobs) -> None:
    """Stop a launched sweep. Its state is saved."""
    api, job = _job(name, jobs)
    if not job.is_live:
        say(f"job {job.submission_id} has already ended: {_state(job)}")
        return
    api.stop(job.submission_id)
    say(f"asked job {job.submission_id} to stop; it saves its state first")
    job = follow(api, job, lambda text: None)
    for line in _tail(api, job):
        say(f"  {line}")
    say(f"{_state(job)}; to continue, run the same sweep launch command again")


def status(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="folder of a sweep; with --address, its name")
    ],
    as_json: Json = False,
    address: Annotated[
        str | None, typer.Option(help="Jobs API to which the sweep was launched")
    ] = None,
) -> None:
    """Show the progress, the front so far, and failures."""
    if address is not None:
        _show_job(folder, address, as_json)
        return
    results = analysis.load(folder)
    if as_json:
        print(json.dumps(status_of(results), indent=2))
    else:
        print_status(results)


def _show_job(name: str, address: str, as_json: bool) -> None:
    """Print the state of a job, and that of its sweep where this machine can read the results."""
    api, job = _job(name, address)
    results = _results(job.place)
    if as_json:
        told = {"id": job.submission_id, "status": job.status, "place": job.place}
        found = None if results is None else status_of(results, job.is_live)
        print(json.dumps({"job": {**told, "exit_code": job.code}, "sweep": found}, indent=2))
        return
    print(f"job {job.submission_id}: {_state(job)}; results: {job.place}")
    if results is not None:
        print_status(results, job.is_live, "the same sweep launch command again")
        return
    print("cannot read the results from this machine; the last lines of the job's log:")
    for line in _tail(api, job):
        print(f"  {line}")


def _job(name: str, address: str) -> tuple[JobsApi, Job]:
    """The Jobs API at an address, and the job of that name."""
    api = JobsApi(address)
    return api, latest(api, name)


def _follow(api: JobsApi, job: Job, stream: TextIO) -> NoReturn:
    """Print the job's log until it ends, and exit with its code. Ctrl-C only stops following."""

    def write(text: str) -> None:
        print(text, end="", file=stream, flush=True)

    try:
        ended = follow(api, job, write)
    except KeyboardInterrupt:
        say(f"\ndetached: job {job.submission_id} continues\n{_commands(job, api.url)}")
        sys.exit(130)
    code = ended.exit_code()
    say(f"{_state(ended)}; results: {job.place}")
    if code == INTERRUPTED:
        say("to continue, run the same sweep launch command again")
    sys.exit(code)


def _commands(job: Job, url: str) -> str:
    which = f"{shlex.quote(job.name)} --address {shlex.quote(url)}"
    rows = {
        "follow": f"sweep logs {which} --follow",
        "status": f"sweep status {which}",
        "stop": f"sweep stop {which}",
        "continue": "the same sweep launch command again",
        "results": f"sweep report {shlex.quote(job.place)}",
    }
    return "\n".join(f"  {name + ':':10}{text}" for name, text in rows.items())


def _state(job: Job) -> str:
    code = "" if job.code is None else f" (exit code {job.code})"
    return f"{job.status.lower()}{code}"


def _tail(api: JobsApi, job: Job) -> list[str]:
    lines = [line for line in api.logs(job.submission_id).splitlines() if line.strip()]
    return lines[-3:]


def _results(place: str) -> Any:
    """The results at a place; None where this machine cannot read them."""
    try:
        return analysis.load(place)
    except (UsageError, OSError):
        return None
