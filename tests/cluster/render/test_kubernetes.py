"""The manifest: KubeRay has its fields, pods find their files, and wrong options are refused."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweep.cluster.render.kubernetes import RAY, KubernetesOptions, render_kubernetes
from sweep.config import SweepConfig
from sweep.config.load import load_config
from sweep.errors import UsageError
from tests.harness.command import Command, assert_refused

# The fields of ray.io/v1 in KubeRay 1.6.2 that a RayJob can have, by its generated reference.
FIELDS = {
    "RayJobSpec": {
        "activeDeadlineSeconds", "backoffLimit", "rayClusterSpec", "submitterPodTemplate",
        "metadata", "clusterSelector", "submitterConfig", "managedBy", "deletionStrategy",
        "entrypoint", "runtimeEnvYAML", "jobId", "submissionMode", "entrypointResources",
        "entrypointNumCpus", "entrypointNumGpus", "ttlSecondsAfterFinished",
        "preRunningDeadlineSeconds", "shutdownAfterJobFinishes", "suspend",
    },
    "RayClusterSpec": {
        "upgradeStrategy", "authOptions", "suspend", "managedBy", "autoscalerOptions",
        "headServiceAnnotations", "enableInTreeAutoscaling", "gcsFaultToleranceOptions",
        "headGroupSpec", "rayVersion", "workerGroupSpecs",
    },
    "AuthOptions": {"enableK8sTokenAuth", "secretName", "mode"},
    "AutoscalerOptions": {
        "resources", "image", "imagePullPolicy", "securityContext", "idleTimeoutSeconds",
        "upscalingMode", "version", "env", "envFrom", "volumeMounts",
    },
    "HeadGroupSpec": {
        "template", "headService", "enableIngress", "resources", "labels", "rayStartParams",
        "serviceType",
    },
    "WorkerGroupSpec": {
        "suspend", "groupName", "replicas", "minReplicas", "maxReplicas", "idleTimeoutSeconds",
        "resources", "labels", "rayStartParams", "template", "scaleStrategy", "numOfHosts",
    },
}  # fmt: skip
# Of Kubernetes' own core/v1, those that are used.
POD = {"containers", "volumes", "tolerations", "serviceAccountName"}
CONTAINER = {"name", "image", "env", "envFrom", "resources", "volumeMounts"}

CLAIM = KubernetesOptions(claim="sweeps")
FULL = KubernetesOptions(
    image="registry.example:5000/prunesweep:1.0", workers=8, min_workers=0, gpus=2, claim="sweeps",
    env_secret="bucket", service_account="writer", namespace="lab",
)  # fmt: skip
both = pytest.mark.parametrize("options", [CLAIM, FULL])


def config(*settings: str) -> SweepConfig:
    return load_config("closed-form", list(settings))


def rendered(options: KubernetesOptions, *settings: str, out: str | None = None) -> list[Any]:
    return list(yaml.safe_load_all(render_kubernetes(config(*settings), options, out)))


def cluster(options: KubernetesOptions, *settings: str) -> dict[str, Any]:
    found: dict[str, Any] = rendered(options, *settings)[1]["spec"]["rayClusterSpec"]
    return found


def pods(options: KubernetesOptions, *settings: str) -> list[dict[str, Any]]:
    spec = cluster(options, *settings)
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


@both
def test_kuberay_has_its_fields(options: KubernetesOptions) -> None:
    job = rendered(options, "resources.gpu=1")[1]
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]["rayClusterSpec"]
    parts = {
        "RayJobSpec": job["spec"],
        "RayClusterSpec": spec,
        "AuthOptions": spec["authOptions"],
        "AutoscalerOptions": spec.get("autoscalerOptions", {}),
        "HeadGroupSpec": spec["headGroupSpec"],
        "WorkerGroupSpec": spec["workerGroupSpecs"][0],
    }
    for kind, part in parts.items():
        assert set(part) <= FIELDS[kind], kind
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


@both
def test_pods_have_only_fields_of_kubernetes(options: KubernetesOptions) -> None:
    for pod in pods(options, "resources.gpu=1"):
        (container,) = pod["containers"]
        assert set(pod) <= POD and set(container) <= CONTAINER
        named = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == named
        assert container["resources"]["limits"] == container["resources"]["requests"]
        assert all(isinstance(v, str) for v in container["resources"]["limits"].values())


def test_the_token_comes_from_a_secret_and_lost_heads_are_replaced() -> None:
    text = render_kubernetes(config(), FULL, None)
    job = list(yaml.safe_load_all(text))[1]["spec"]
    spec = job["rayClusterSpec"]
    assert spec["authOptions"] == {"mode": "token", "secretName": "prunesweep-token"}
    assert "kubectl create secret generic -n lab prunesweep-token" in text
    assert (spec["rayVersion"], spec["headGroupSpec"]["serviceType"]) == (RAY, "ClusterIP")
    assert job["backoffLimit"] == 3 and job["shutdownAfterJobFinishes"]


def test_versions_are_those_that_were_tested() -> None:
    root = Path(__file__).parents[3]
    assert f"ray=={RAY}\n" in (root / "constraints.txt").read_text()
    image = (root / "Dockerfile").read_text()
    assert f"FROM rayproject/ray:{RAY}-py311" in image and f"ray[default]=={RAY}" in image
    assert "-c prunesweep/constraints.txt" in image


def test_the_manifest_contains_the_config() -> None:
    told, job = rendered(CLAIM, "search.trials=5")
    assert told["kind"] == "ConfigMap" and told["metadata"]["name"] == "closed-form-config"
    given = SweepConfig.model_validate(yaml.safe_load(told["data"]["config.yaml"]))
    assert given == config("search.trials=5")
    for pod in pods(CLAIM):
        assert {"name": "config", "configMap": {"name": "closed-form-config"}} in pod["volumes"]
    assert job["spec"]["entrypoint"] == "bash /etc/prunesweep/run.sh"
    assert "sweep run /etc/prunesweep/config.yaml" in told["data"]["run.sh"]


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (3, 0), (1, 1), (143, 143)])
def test_failed_trials_do_not_restart_the_job(code: int, ends: int, tmp_path: Path) -> None:
    (tmp_path / "sweep").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@"\nexit {code}\n')
    (tmp_path / "sweep").chmod(0o755)
    (told, _) = rendered(CLAIM, out="/shared/a b'$(x)")
    (tmp_path / "run.sh").write_text(told["data"]["run.sh"])
    done = subprocess.run(
        ["bash", tmp_path / "run.sh"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == ends
    assert done.stdout.splitlines()[2:4] == ["--out", "/shared/a b'$(x)"]


def test_workers_always_run_or_are_autoscaled() -> None:
    fixed, grows = cluster(CLAIM), cluster(FULL)
    bounds = ("replicas", "minReplicas", "maxReplicas")
    found = [[c["workerGroupSpecs"][0][bound] for bound in bounds] for c in (fixed, grows)]
    assert found == [[2, 2, 2], [0, 0, 8]]
    assert "enableInTreeAutoscaling" not in fixed and grows["enableInTreeAutoscaling"] is True


def test_only_workers_have_gpus() -> None:
    head, worker = pods(FULL, "resources.gpu=1")
    assert "nvidia.com/gpu" not in head["containers"][0]["resources"]["limits"]
    assert worker["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert worker["tolerations"][0]["key"] == "nvidia.com/gpu" and "tolerations" not in head


def test_results_are_on_a_store_or_on_the_claim() -> None:
    told, job = rendered(KubernetesOptions(), out="s3://bucket/x")
    assert "--out s3://bucket/x " in told["data"]["run.sh"]
    assert "persistentVolumeClaim" not in yaml.safe_dump(job)
    assert "--out /shared/results/closed-form" in rendered(CLAIM)[0]["data"]["run.sh"]
    for pod in pods(CLAIM):
        variables = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
        assert variables["PRUNESWEEP_CACHE"].startswith("/shared/")


FILES = ("task={dataset: {train: data.csv}}", "model=/m", "space={finetune_epochs: 0}")


@pytest.mark.parametrize(
    ("options", "settings", "out", "words"),
    [
        (KubernetesOptions(), (), None, ("--claim", "s3://")),
        (CLAIM, (), "/elsewhere/x", ("/elsewhere/x", "/shared")),
        (CLAIM, (), "../x", ("not on the claim",)),
        (CLAIM, (), "s3://x\nkind: Secret", ("--results", "one line")),
        (CLAIM, ("name=My_Sweep",), None, ("name", "My_Sweep", "47")),
        (CLAIM, FILES, None, ("data.csv", "absolute")),
        (KubernetesOptions(claim="a/b"), (), None, ("--claim",)),
        (KubernetesOptions(claim="a", mount="shared"), (), None, ("--mount",)),
        (KubernetesOptions(claim="a", image="x y"), (), None, ("--image",)),
        (KubernetesOptions(claim="a", memory="much"), (), None, ("--memory", "16Gi")),
        (KubernetesOptions(claim="a", workers=2, min_workers=3), (), None, ("--min-workers",)),
        (KubernetesOptions(claim="a", gpus=0), ("resources.gpu=1",), None, ("--gpus",)),
    ],
)
def test_paths_and_options_that_pods_would_not_accept_are_refused(
    options: KubernetesOptions, settings: tuple[str, ...], out: str | None, words: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError) as refused:
        rendered(options, *settings, out=out)
    assert all(word in str(refused.value) for word in words)


def test_the_command_prints_a_manifest(cli: Command) -> None:
    done = cli("render", "kubernetes", "digits", "--claim", "sweeps", "--namespace", "lab")
    assert done.code == 0 and done.err == ""
    told, job = yaml.safe_load_all(done.out)
    assert told["metadata"]["namespace"] == job["metadata"]["namespace"] == "lab"
    assert re.match(r"# Sweep digits on Kubernetes", done.out)
    assert_refused(cli("render", "kubernetes", "digits"), 2, "--claim")
