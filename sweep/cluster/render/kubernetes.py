"""A manifest for KubeRay: the sweep as a RayJob, which starts a Ray cluster and deletes it later.

The fields are those of ``ray.io/v1`` in KubeRay 1.6, the first version with
``authOptions.secretName``. The entrypoint is `sweep run`, which resumes the sweep in its results
folder. So if the head is lost, KubeRay starts another cluster (``backoffLimit`` times), and only
the running epochs are lost.
"""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cluster.render import fill
from sweep.cluster.render.checks import (
    FOLDER,
    GPU,
    IMAGE,
    NAME,
    QUANTITY,
    Gpus,
    check,
    check_line,
    check_options,
    gpus_of_node,
)
from sweep.errors import UsageError
from sweep.version import __version__

if TYPE_CHECKING:
    from sweep.config import SweepConfig

RAY = "2.60.0"


@dataclass(frozen=True)
class KubernetesOptions:
    """What to ask Kubernetes for. Each field is an option of `sweep render kubernetes`."""

    image: Annotated[str, IMAGE, typer.Option(help="image with prunesweep (see Dockerfile)")] = (
        f"prunesweep:{__version__}"
    )
    workers: Annotated[int, typer.Option(min=1, help="pods that run trials")] = 2
    min_workers: Annotated[
        int | None, typer.Option(min=0, help="if lower, Ray's autoscaler starts and ends pods")
    ] = None
    cpus: Annotated[
        int | None, typer.Option(min=1, help="CPUs of a worker (default: what its trials take)")
    ] = None
    gpus: Gpus = None
    memory: Annotated[str, QUANTITY, typer.Option(help="memory of a worker")] = "16Gi"
    claim: Annotated[
        str | None, NAME, typer.Option(help="ReadWriteMany claim of the volume for results")
    ] = None
    mount: Annotated[str, FOLDER, typer.Option(help="folder at which pods mount the claim")] = (
        "/shared"
    )
    secret: Annotated[str, NAME, typer.Option(help="secret with Ray's auth_token")] = (
        "prunesweep-token"
    )
    env_secret: Annotated[
        str | None, NAME, typer.Option(help="secret whose keys become environment variables")
    ] = None
    service_account: Annotated[
        str | None, NAME, typer.Option(help="service account of the pods")
    ] = None
    namespace: Annotated[
        str | None, NAME, typer.Option(help="namespace (default: that of kubectl)")
    ] = None
    gpu_resource: Annotated[str, GPU, typer.Option(help="name of the GPU resource")] = (
        "nvidia.com/gpu"
    )
    retries: Annotated[int, typer.Option(min=0, help="new clusters after a lost head node")] = 3

    @property
    def least(self) -> int:
        """The number of workers that always run."""
        return self.workers if self.min_workers is None else self.min_workers


def render_kubernetes(config: SweepConfig, options: KubernetesOptions, out: str | None) -> str:
    """The manifest: a ConfigMap with the resolved config, and the RayJob that runs it.

    Results are written to ``out``, an object store or a folder on the claim; the default is the
    config's storage. Raises :class:`~sweep.errors.UsageError` for malformed options, and for files
    or folders that pods would not see.
    """
    from sweep.config.load import check_paths
    from sweep.config.text import dump_yaml

    check_options(options)
    if not 0 <= options.least <= options.workers or options.workers < 1:
        raise UsageError(
            "--min-workers must be from 0 to --workers, and --workers at least 1; got "
            f"--min-workers {options.least} and --workers {options.workers}"
        )
    check("the sweep's name", config.name, NAME)
    place = results_place(config, options, out)
    check_paths(config)
    want = config.resources
    gpus = gpus_of_node(want, options.cpus, options.gpus)
    trials = int(gpus / want.gpu + 1e-9) if want.gpu else 1  # those that fit on the GPUs
    cpus = options.cpus or max(4, math.ceil(want.cpu * trials))
    return fill(
        "kubernetes.yaml",
        name=config.name,
        config=dump_yaml(config),
        place=place,
        out=shlex.quote(place),
        folder="/etc/prunesweep",
        options=options,
        cpus=cpus,
        gpus=gpus,
        version=__version__,
        kuberay="1.6",
        ray=RAY,
    )


def results_place(config: SweepConfig, options: KubernetesOptions, out: str | None) -> str:
    """Where pods write results; UsageError unless it is an object store or lies on the claim."""
    from sweep.config.plan import results_path

    place = out or results_path(config)
    check_line("--results", place)
    if "://" in place:
        return place
    if not options.claim:
        raise UsageError(
            f"results in {place} would be lost with the pod: give an object store (--results "
            "s3://bucket/folder), or a volume that all pods can write (--claim NAME, ReadWriteMany)"
        )
    path = Path(options.mount, place)
    if ".." in path.parts or not path.is_relative_to(options.mount):
        raise UsageError(
            f"results in {place} are not on the claim, which is mounted at {options.mount}: "
            f"give --results {options.mount}/FOLDER"
        )
    return str(path)
