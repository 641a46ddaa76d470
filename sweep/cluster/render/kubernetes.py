"""A manifest for KubeRay: the sweep as a RayJob, which makes a Ray cluster and takes it down.

Fields are those of ``ray.io/v1`` in KubeRay 1.6, with which ``authOptions.secretName`` came. The
entrypoint is `sweep run`, which goes on with what its results folder holds: where the head is lost
KubeRay makes another cluster (``backoffLimit`` times), and only the epochs in flight are lost.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import yaml

from sweep import __version__
from sweep.cluster.render.checks import (
    GPU,
    IMAGE,
    NAME,
    PATH,
    QUANTITY,
    check,
    check_line,
    check_room,
    default_cpus,
    default_gpus,
)
from sweep.cluster.render.pods import CONFIG_FOLDER, KubernetesOptions, Plain, pod
from sweep.config import SweepConfig
from sweep.config.plan import results_path
from sweep.config.text import dump_yaml
from sweep.errors import UsageError

KUBERAY = "1.6"
RAY = "2.60.0"
OBJECT_STORE_BYTES = 268435456


def render_kubernetes(config: SweepConfig, options: KubernetesOptions, out: str | None) -> str:
    """The manifest: a ConfigMap with the resolved config, and the RayJob that runs it.

    Results go to ``out``, an object store or a folder of the claim; by default to the config's
    storage. Raises :class:`~sweep.errors.UsageError` for what pods would not find or take.
    """
    _check(options)
    check("the sweep's name", config.name, NAME)
    place = results_place(config, options, out)
    _check_files(config)
    documents = [_config_map(config, options, place), _ray_job(config, options)]
    return _header(config, options, place) + "---\n".join(map(_dump, documents))


def _dump(document: Plain) -> str:
    """As YAML, with texts of several lines as they are."""

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, width=1000)


def results_place(config: SweepConfig, options: KubernetesOptions, out: str | None) -> str:
    """Where results go, as pods see it; UsageError where that is neither store nor claim."""
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


def _check_files(config: SweepConfig) -> None:
    """Pods see no folder of this machine: what is named must be absolute there, or online."""
    dataset = config.task.dataset
    files = [] if isinstance(dataset, str) else [dataset.train, dataset.validation, dataset.test]
    folders = [name for name in (config.model, config.tokenizer) if name and Path(name).exists()]
    for name in (*files, *folders, *config.search.warm_start):
        if name and not name.startswith("/") and "://" not in name:
            raise UsageError(
                f"the config names {name}, relative to this folder, which pods do not see: put it "
                "on the claim and name it by its absolute path there"
            )


def _check(options: KubernetesOptions) -> None:
    check("--image", options.image, IMAGE)
    check("--memory", options.memory, QUANTITY)
    check("--claim", options.claim, NAME)
    check("--mount", options.mount, PATH)
    check("--secret", options.secret, NAME)
    check("--env-secret", options.env_secret, NAME)
    check("--service-account", options.service_account, NAME)
    check("--namespace", options.namespace, NAME)
    check("--gpu-resource", options.gpu_resource, GPU)
    if not 0 <= options.least <= options.workers or options.workers < 1:
        raise UsageError(
            "--min-workers is at least 0 and at most --workers, which is at least 1; got "
            f"{options.least} and {options.workers}"
        )


def _metadata(config: SweepConfig, options: KubernetesOptions, suffix: str = "") -> Plain:
    metadata: Plain = {
        "name": config.name + suffix,
        "labels": {"app.kubernetes.io/name": "prunesweep", "prunesweep/sweep": config.name},
    }
    return metadata | ({"namespace": options.namespace} if options.namespace else {})


def _config_map(config: SweepConfig, options: KubernetesOptions, place: str) -> Plain:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(config, options, "-config"),
        "data": {"config.yaml": dump_yaml(config), "run.sh": script(place)},
    }


def script(place: str) -> str:
    """What the job runs, as a file: an entrypoint goes through several shells, which eat quotes."""
    return f"""\
sweep run {CONFIG_FOLDER}/config.yaml --out {shlex.quote(place)} --address auto
code=$?
if [ $code -eq 3 ]; then exit 0; fi  # done, though trials failed: no reason to begin again
exit $code
"""


def _ray_job(config: SweepConfig, options: KubernetesOptions) -> Plain:
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": _metadata(config, options),
        "spec": {
            "entrypoint": f"bash {CONFIG_FOLDER}/run.sh",
            "submissionMode": "K8sJobMode",
            "backoffLimit": options.retries,
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": 60,
            "rayClusterSpec": _cluster(config, options),
        },
    }


def _cluster(config: SweepConfig, options: KubernetesOptions) -> Plain:
    grows = options.least < options.workers
    scaling: Plain = {"enableInTreeAutoscaling": True} if grows else {}
    if grows:
        scaling["autoscalerOptions"] = {"idleTimeoutSeconds": 300, "upscalingMode": "Default"}
    return {
        "rayVersion": RAY,
        "authOptions": {"mode": "token", "secretName": options.secret},
        **scaling,
        "headGroupSpec": {
            "serviceType": "ClusterIP",
            "rayStartParams": {"num-cpus": "0", "num-gpus": "0", **_store()},
            "template": pod("ray-head", config, options, cpus=2, memory="8Gi", gpus=0),
        },
        "workerGroupSpecs": [_workers(config, options)],
    }


def _workers(config: SweepConfig, options: KubernetesOptions) -> Plain:
    want = config.resources
    gpus = default_gpus(want.gpu) if options.gpus is None else options.gpus
    cpus = options.cpus or default_cpus(want.cpu, want.gpu, gpus)
    check_room(want.cpu, want.gpu, cpus, gpus)
    return {
        "groupName": "workers",
        "replicas": options.least,
        "minReplicas": options.least,
        "maxReplicas": options.workers,
        "rayStartParams": _store(),
        "template": pod("ray-worker", config, options, cpus, options.memory, gpus),
    }


def _store() -> dict[str, str]:
    return {"object-store-memory": str(OBJECT_STORE_BYTES)}  # only settings and records pass


def _header(config: SweepConfig, options: KubernetesOptions, place: str) -> str:
    where = f" -n {options.namespace}" if options.namespace else ""
    return f"""\
# Sweep {config.name} on Kubernetes, written by `sweep render kubernetes`; for KubeRay {KUBERAY} or
# later, ray {RAY}, prunesweep {__version__}. The Dockerfile beside cluster.yaml makes the image.
#
#   kubectl create secret generic{where} {options.secret} \\
#     --from-literal=auth_token=$(openssl rand -hex 32)     # once: who has it can run code here
#   kubectl apply{where} -f FILE
#   kubectl logs{where} -f job/{config.name}
#   kubectl delete{where} -f FILE      # to stop; applied again, the sweep goes on where it was
#
# Results: {place}
"""
