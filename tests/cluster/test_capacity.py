"""How many trials fit on given machines; test_machines_lost.py has real nodes."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from sweep.cluster import capacity, machines
from sweep.cluster.capacity import Capacity, fits, read_autoscaler
from sweep.config import SweepConfig
from sweep.config.load import load_config
from sweep.config.sections import ResourcesConfig
from sweep.errors import ConfigError, UsageError
from tests.harness.sweeps import CONFIG

BIG, SMALL, HEAD = {"CPU": 16.0, "GPU": 4.0}, {"CPU": 2.0}, {"CPU": 0.0}

AUTOSCALER: dict[str, Any] = {
    "max_workers": 5,
    "head_node_type": "head",
    "available_node_types": {
        "head": {"resources": {"CPU": 0}, "max_workers": 0},
        "gpu": {"resources": {"CPU": 8, "GPU": 1}, "min_workers": 0, "max_workers": 4},
        "cpu": {"resources": {"CPU": 2}, "max_workers": 10},
        "unknown": {"resources": {}, "max_workers": 10},
    },
}


def want(cpu: float = 1.0, gpu: float = 0.0) -> ResourcesConfig:
    return ResourcesConfig(cpu=cpu, gpu=gpu)


@pytest.mark.parametrize(
    ("cpu", "gpu", "trials"),
    [
        (1, 0, 16),
        (3, 0, 5),
        (0.5, 0, 32),
        (1, 1, 4),
        (1, 2, 2),
        (1, 0.5, 8),
        (1, 0.6, 4),  # a share lies on one GPU: the rests of two GPUs hold no trial
        (1, 0.3333, 12),
        (4, 0.25, 4),
        (17, 0, 0),
        (1, 5, 0),
    ],
)
def test_cpus_and_gpus_bound_the_trials_on_a_machine(cpu: float, gpu: float, trials: int) -> None:
    assert fits(BIG, want(cpu, gpu)) == trials


def test_an_autoscaler_adds_the_machines_that_fit_most_trials() -> None:
    assert read_autoscaler(AUTOSCALER, want()) == 4 * 8 + 1 * 2
    assert read_autoscaler(AUTOSCALER, want(gpu=0.5)) == 8
    assert read_autoscaler(AUTOSCALER, want(cpu=4, gpu=0.25)) == 8
    assert read_autoscaler(AUTOSCALER, want(cpu=9)) == 0
    assert read_autoscaler({**AUTOSCALER, "max_workers": 0}, want()) == 0


def test_a_head_that_runs_trials_is_counted_once() -> None:
    types = {"head": {"resources": {"CPU": 4}, "max_workers": 0}}
    assert read_autoscaler({**AUTOSCALER, "available_node_types": types}, want()) == 4


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """The resources of the present machines; the test changes the list."""
    nodes: list[dict[str, float]] = [SMALL, HEAD]
    monkeypatch.setattr(machines, "present", lambda: list(nodes))
    monkeypatch.setattr(capacity, "REFRESH_SECONDS", -1.0)
    return nodes


def make(could_be: int = 0, asked: int | str = "auto", **resources: float) -> Capacity:
    search = {**CONFIG["search"], "max_concurrent": asked}
    config = {**CONFIG, "search": search, "resources": resources}
    largest = patch.object(capacity, "read_autoscaler", lambda *_: could_be)
    with largest, patch.object(machines, "autoscaler_config", lambda: {"max_workers": 1}):
        return Capacity(SweepConfig.model_validate(config))


def test_auto_is_what_fits_now_or_on_the_largest_cluster(there: list[dict[str, float]]) -> None:
    assert (make().limit, make().present) == (2, 2)
    assert (make(could_be=9).limit, make(could_be=9).present) == (9, 2)
    assert make(could_be=1).limit == 2  # machines that the autoscaler does not know of


def test_a_trial_runs_on_one_machine(there: list[dict[str, float]]) -> None:
    there[:] = [SMALL, SMALL, HEAD]
    assert make(cpu=2).limit == 2
    with pytest.raises(UsageError):
        make(cpu=3)
    there[:] = [SMALL, BIG]
    assert make(gpu=1).limit == 4  # CPUs on another machine do not help a trial that needs a GPU


def test_a_number_is_an_upper_bound(there: list[dict[str, float]]) -> None:
    assert make(asked=1).limit == 1
    assert make(asked=8).limit == 2  # no more trials are proposed than can run
    assert make(asked=8, could_be=20).limit == 8


def test_on_kubernetes_a_number_is_the_limit(
    there: list[dict[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_CLUSTER_NAME", "c")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    there.clear()
    assert make(asked=8).limit == 8


def test_machines_that_join_or_leave_change_the_limit(there: list[dict[str, float]]) -> None:
    found = make()
    there.append(BIG)
    assert (found.limit, found.present) == (18, 18)
    there.remove(SMALL)
    assert found.limit == 16
    there.clear()
    assert found.limit == 1  # one trial waits for a machine, so that the sweep does not end


def test_no_room_for_one_trial_is_an_error_with_the_numbers(there: list[dict[str, float]]) -> None:
    with pytest.raises(UsageError, match=r"needs 1 CPU and 0.5 GPU.*cluster has 2 CPU and 0 GPU"):
        make(gpu=0.5)
    there.append(SMALL)
    with pytest.raises(UsageError, match="the largest one on the cluster has 2 CPU and 0 GPU"):
        make(cpu=4)


def test_a_fraction_of_several_gpus_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"resources\.gpu.*1\.5"):
        load_config("closed-form", ["resources.gpu=1.5"])


def test_the_maximum_is_read_from_kuberays_resource() -> None:
    def group(cpus: str, **more: Any) -> dict[str, Any]:
        container = {"name": "ray", "resources": {"limits": {"cpu": cpus, "memory": "8Gi"}}}
        pod = {"spec": {"containers": [container]}}
        return {"rayStartParams": {}, "template": pod, **more}

    workers = group("4", groupName="small", replicas=0, minReplicas=0, maxReplicas=5)
    head = group("2")
    head["rayStartParams"] = {"num-cpus": "0"}
    spec = {"headGroupSpec": head, "workerGroupSpecs": [workers], "enableInTreeAutoscaling": True}
    resource = {"metadata": {"name": "c", "namespace": "default"}, "spec": spec}
    found = machines.of_ray_cluster(resource)
    assert found is not None and read_autoscaler(found, want(cpu=2)) == 10
    spec["enableInTreeAutoscaling"] = False
    assert machines.of_ray_cluster(resource) is None
