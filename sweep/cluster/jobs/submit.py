"""Submit a sweep as a job, only once: a running job is joined, and an ended one is resumed.

The submission id of a job follows from the sweep's name: ``sweep-NAME``, then ``sweep-NAME~2`` for
the second submission, and so on, because Ray never accepts an id twice. So if two users launch the
same sweep at once, the cluster refuses one of the two requests, and both share one job.
"""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweep.cluster.jobs.api import JobsApi
from sweep.cluster.jobs.job import KEY, Job, find, jobs_of_sweeps
from sweep.config import SweepConfig
from sweep.config.load import check_paths
from sweep.config.text import config_diff, dump_yaml
from sweep.errors import ClusterError, SweepError, UsageError
from sweep.ledger.folder import SweepFolder
from sweep.ledger.store import store_at

ENDINGS = (".py", ".pyi", ".yaml", ".json", ".css", ".html", ".js")
"""The suffixes of our source files. Data and results that lie among them are not sent."""


def pack(extra: Mapping[str, str]) -> tuple[str, bytes]:
    """The name and the bytes of a zip file with our packages and ``extra`` (text by path).

    A job runs this source. The same content gives the same bytes and name.
    """
    root = Path(__file__).parents[3]
    paths = [path for package in ("sweep", "analysis") for path in (root / package).rglob("*")]
    ours = [path for path in paths if path.suffix in ENDINGS and path.is_file()]
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in ours}
    files |= {name: text.encode() for name, text in extra.items()}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name)  # its date is 1980, so that the bytes do not depend on it
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    data = stream.getvalue()
    return f"_ray_pkg_{hashlib.sha256(data).hexdigest()[:16]}.zip", data


def submit(
    api: JobsApi, config: SweepConfig, place: str, python: str = "python"
) -> tuple[Job, bool]:
    """The job of a sweep, and whether it is new. Check the config with :func:`check_travels` first.

    ``place`` is where results are written, and ``python`` is a command on the head's PATH.

    Raises :class:`~sweep.errors.UsageError` if a sweep of this name runs with other settings or
    another place, and :class:`~sweep.errors.ClusterError` if the cluster refuses the job.
    """
    for _ in range(5):
        before = [job for job in jobs_of_sweeps(api) if job.name == config.name]
        if live := next((job for job in before if job.is_live), None):
            _check_same(live, config, place)
            return live, False
        if before and before[-1].is_out_of_sight:
            check_ended(before[-1], place)
        request = _request(api, config, place, python, len(before) + 1)
        if api.submit(request):
            return find(api, request["submission_id"]), True
    raise ClusterError(
        f"others submitted sweep {config.name} to {api.url} at the same time: try again"
    )


def _request(
    api: JobsApi, config: SweepConfig, place: str, python: str, number: int
) -> dict[str, Any]:
    own = f"sweep-{config.name}" + (f"~{number}" if number > 1 else "")
    # Each job has its own package. On nodes that share a disk, a node that gets a package late, for
    # a job that has ended, deletes the folder and unpacks it again, under a job that starts in it.
    package, data = pack({f"{config.name}.yaml": dump_yaml(config), "job.txt": own})
    api.upload(package, data)
    settings = json.dumps(config.model_dump(mode="json"))
    # After SIGTERM a driver has 300 s to save its state; by default Ray would wait 3 s. sweep.api
    # says why threads wait passively.
    variables = {"RAY_JOB_STOP_WAIT_TIME_S": "300", "OMP_WAIT_POLICY": "PASSIVE"}
    return {
        "submission_id": own,
        "entrypoint": _entrypoint(f"{config.name}.yaml", place, python),
        "runtime_env": {"working_dir": f"gcs://{package}", "env_vars": variables},
        "metadata": {KEY: config.name, "place": place, "config": settings},
    }


def _entrypoint(file: str, place: str, python: str) -> str:
    """The shell command of the driver, which runs on the head and reserves no CPU."""
    # Ray may delete the unpacked package, the working directory, and unpack it again while the job
    # runs. `exec` lets signals reach the driver itself.
    return (
        'source="$PWD"; cd / && PYTHONPATH="$source${PYTHONPATH:+:$PYTHONPATH}" '
        f"exec {shlex.join(shlex.split(python))} -m sweep.cli.main "
        f'run "$source"/{shlex.quote(file)} --out {shlex.quote(place)}'
    )


def check_travels(config: SweepConfig, place: str) -> None:
    """Refuse paths that only this machine has, because a job carries source code but no data.

    Raises :class:`~sweep.errors.UsageError`.
    """
    if "://" in place:
        store_at(place)
    elif not place.startswith("/"):
        raise UsageError(
            f"results would be written to {place!r}, a folder of this machine; for a cluster give "
            "the absolute path of a folder that all nodes share (--out /shared/NAME or storage: "
            "/shared), or an object store (--out s3://BUCKET/NAME)"
        )
    check_paths(config)


def check_ended(job: Job, place: str) -> None:
    """Raise ClusterError if the driver of a job that Ray counts as failed still runs.

    Ray does so when a call that asks for the job's state times out. Where this machine cannot read
    the results, the lock of the ledger makes the new driver end.
    """
    try:
        driver = SweepFolder(place).driver()
    except (SweepError, OSError):
        return
    if driver is not None:
        raise ClusterError(
            f"the cluster counts job {job.submission_id} as failed ({job.message.strip()[:200]}), "
            f"but its driver still runs ({driver}) and writes to {place}: nothing was started. "
            f"Wait until it has ended (sweep status {shlex.quote(place)}), or end that process"
        )


def _check_same(live: Job, config: SweepConfig, place: str) -> None:
    changes = config_diff(live.config, config.model_dump(mode="json"))
    if live.place != place:
        changes.append(f"--out: {live.place} -> {place}")
    if changes:
        raise UsageError(
            f"sweep {config.name} is already running there (job {live.submission_id}) with other "
            "settings:\n"
            + "\n".join(f"  {line}" for line in changes)
            + "\ngive your sweep another name (name=...), or stop the running one first"
        )
