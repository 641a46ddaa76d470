"""Submit a sweep as a job, once: one that runs is joined, one that has ended is gone on with.

A job's submission id follows from the sweep's name: ``sweep-NAME``, and since Ray never lets an id
be used again, ``sweep-NAME~2`` for the second submission, and so on. Whoever asks for the same
number twice is refused by the cluster, so that two who launch at once share one job.
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

from sweep.cluster.jobs.api import JobsApi, Taken
from sweep.cluster.jobs.job import KEY, Job, find, jobs_of
from sweep.config import SweepConfig
from sweep.config.load import paths_of
from sweep.config.text import config_diff, dump_yaml
from sweep.errors import ClusterError, UsageError
from sweep.ledger.store import store_at

# The source tree as a small zip file, named by its content: what a job on a cluster runs.

PACKAGES = ("sweep", "analysis")
ENDINGS = (".py", ".yaml", ".json", ".css", ".html", ".js")
"""Files that a package is made of. No data and no results are among them, whatever lies there."""


def pack(extra: Mapping[str, str]) -> tuple[str, bytes]:
    """A zip file of our packages and of ``extra`` (path: text), and its name.

    The same content gives the same bytes, so that a cluster that has it is sent nothing.
    """
    root = Path(__file__).parents[3]
    paths = [path for package in PACKAGES for path in (root / package).rglob("*")]
    ours = [path for path in paths if path.suffix in ENDINGS and path.is_file()]
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in ours}
    files |= {name: text.encode() for name, text in extra.items()}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name)  # of 1980: no clock in it
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    data = stream.getvalue()
    return f"_ray_pkg_{hashlib.sha256(data).hexdigest()[:16]}.zip", data


STOP_SECONDS = 300
"""How long a driver may take to save its state after SIGTERM, before Ray kills it."""

ENVIRONMENT = {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS), "OMP_WAIT_POLICY": "PASSIVE"}
"""Of the job: Ray's own patience is 3 seconds. What torch's threads do while they wait: see cli."""

TRIES = 5


def submit(
    api: JobsApi, config: SweepConfig, place: str, python: str = "python"
) -> tuple[Job, bool]:
    """The sweep's job, and whether it is new; it has to travel (:func:`check_travels`).

    ``python`` is the command on the head's PATH.

    Raises :class:`~sweep.errors.UsageError` where one of this name runs with other settings or
    into another place, and :class:`~sweep.errors.ClusterError` where the cluster refuses.
    """
    for _ in range(TRIES):
        before = jobs_of(api, config.name)
        if live := next((job for job in before if job.is_live), None):
            _check_same(live, config, place)
            return live, False
        request = _request(api, config, place, python, len(before) + 1)
        try:
            api.submit(request)
        except Taken:
            continue
        return find(api, request["submission_id"]), True
    raise ClusterError(f"others submit sweep {config.name} to {api.url} all the time: try again")


def _request(
    api: JobsApi, config: SweepConfig, place: str, python: str, number: int
) -> dict[str, Any]:
    own = f"sweep-{config.name}" + (f"~{number}" if number > 1 else "")
    # A package of each job's own: where nodes share a disk, one that comes to a package late, for a
    # job that has ended, unpacks it anew, and the folder goes from under a job that begins in it.
    package, data = pack({f"{config.name}.yaml": dump_yaml(config), "job.txt": own})
    api.upload(package, data)
    told = {KEY: config.name, "place": place, "config": json.dumps(config.model_dump(mode="json"))}
    return {
        "submission_id": own,
        "entrypoint": _entrypoint(f"{config.name}.yaml", place, python),
        "runtime_env": {"working_dir": f"gcs://{package}", "env_vars": ENVIRONMENT},
        "metadata": told,
    }


def _entrypoint(file: str, place: str, python: str) -> str:
    """The shell command of the driver, which runs on the head, without a CPU of its own.

    Not in the unpacked package, which Ray may take away and unpack again under a job's feet; and
    `exec`, so that signals reach the driver itself.
    """
    return (
        'source="$PWD"; cd / && PYTHONPATH="$source${PYTHONPATH:+:$PYTHONPATH}" '
        f"exec {shlex.join(shlex.split(python))} -m sweep.cli.main "
        f'run "$source"/{shlex.quote(file)} '
        f"--out {shlex.quote(place)}"
    )


def check_travels(config: SweepConfig, place: str) -> None:
    """Refuse what means something on this machine alone: no data travels with a job.

    Raises :class:`~sweep.errors.UsageError`.
    """
    if "://" in place:
        store_at(place)
    elif not place.startswith("/"):
        raise UsageError(
            f"results would go to {place!r}, a folder of this machine; on a cluster give one that "
            "all nodes share, by its absolute path (--out /shared/NAME or storage: /shared), or "
            "an object store (--out s3://BUCKET/NAME)"
        )
    warm = [("search.warm_start", path) for path in config.search.warm_start if "://" not in path]
    for setting, path in [*paths_of(config).items(), *warm]:
        if not path.startswith("/"):
            raise UsageError(
                f"{setting} is {path!r}, a path of this machine, and data does not travel with a "
                "job: put it where every node finds it, and name it by its absolute path there"
            )


def _check_same(live: Job, config: SweepConfig, place: str) -> None:
    changes = config_diff(live.config, config.model_dump(mode="json"))
    if live.place != place:
        changes.append(f"--out: {live.place} -> {place}")
    if changes:
        raise UsageError(
            f"sweep {config.name} runs there already (job {live.submission_id}), with other "
            "settings:\n"
            + "\n".join(f"  {line}" for line in changes)
            + "\ngive this one another name (name=...), or stop that one first"
        )
