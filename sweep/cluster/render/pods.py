"""The pods of a Ray cluster on Kubernetes: image, resources, and what they see of the outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sweep import __version__
from sweep.config import SweepConfig

IMAGE_NAME = f"prunesweep:{__version__}"
CONFIG_FOLDER = "/etc/prunesweep"

Plain = dict[str, Any]


@dataclass(frozen=True)
class KubernetesOptions:
    """What pods are. ``cpus``, ``gpus``, ``memory`` are a worker's; None: what its trials take."""

    image: str = IMAGE_NAME
    workers: int = 2
    min_workers: int | None = None  # fewer than workers: Ray's autoscaler starts and ends them
    cpus: int | None = None
    gpus: int | None = None
    memory: str = "16Gi"
    claim: str | None = None
    mount: str = "/shared"
    secret: str = "prunesweep-token"
    env_secret: str | None = None
    service_account: str | None = None
    namespace: str | None = None
    gpu_resource: str = "nvidia.com/gpu"
    retries: int = 3

    @property
    def least(self) -> int:
        """Workers that are always there."""
        return self.workers if self.min_workers is None else self.min_workers


def pod(
    name: str, config: SweepConfig, options: KubernetesOptions, cpus: int, memory: str, gpus: int
) -> Plain:
    """The template of a pod of one container ``name``, which runs a node of Ray."""
    resources: Plain = {"cpu": str(cpus), "memory": memory}
    if gpus:
        resources[options.gpu_resource] = str(gpus)
    shared = f"{options.mount}/cache"
    environment = {"PRUNESWEEP_CACHE": shared, "HF_HOME": f"{shared}/hf"} if options.claim else {}
    container: Plain = {
        "name": name,
        "image": options.image,
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "resources": {"limits": resources, "requests": dict(resources)},
        "volumeMounts": _mounts(options),
    }
    if options.env_secret:
        container["envFrom"] = [{"secretRef": {"name": options.env_secret}}]
    pod: Plain = {"containers": [container], "volumes": _volumes(config, options)}
    if gpus:
        tolerated = {"key": options.gpu_resource, "operator": "Exists", "effect": "NoSchedule"}
        pod["tolerations"] = [tolerated]
    if options.service_account:
        pod["serviceAccountName"] = options.service_account
    return {"metadata": {"labels": {"prunesweep/sweep": config.name}}, "spec": pod}


def _mounts(options: KubernetesOptions) -> list[Plain]:
    mounts: list[Plain] = [
        {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
        {"name": "shm", "mountPath": "/dev/shm"},
    ]
    if options.claim:
        mounts.append({"name": "shared", "mountPath": options.mount})
    return mounts


def _volumes(config: SweepConfig, options: KubernetesOptions) -> list[Plain]:
    volumes: list[Plain] = [
        {"name": "config", "configMap": {"name": f"{config.name}-config"}},
        # Ray's object store and torch's workers; a container has 64 MiB by default.
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
    ]
    if options.claim:
        claim = {"claimName": options.claim}
        volumes.append({"name": "shared", "persistentVolumeClaim": claim})
    return volumes
