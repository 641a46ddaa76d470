"""The files for Ray's cluster launcher: valid by ray's own validator, pinned, and closed.

Offline: nothing here asks a cloud. What the files do on machines is `benchmarks.local_launcher`.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = ("cluster.yaml", "examples/cluster/cluster-gcp.yaml", "examples/cluster/cluster-local.yaml")
CLOUDS = FILES[:2]
every_file = pytest.mark.parametrize("name", FILES)
every_cloud = pytest.mark.parametrize("name", CLOUDS)


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return found


def prepared(name: str) -> dict[str, Any]:
    """The file with Ray's defaults filled in, as `ray up` does it."""
    from ray.autoscaler._private.util import prepare_config

    found: dict[str, Any] = prepare_config(read(name))
    return found


def commands(config: dict[str, Any], *kinds: str) -> str:
    return "\n".join(line for kind in kinds for line in config[f"{kind}_commands"])


def pinned(package: str) -> str:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return re.findall(rf"^{package}==(.+)$", text, flags=re.MULTILINE)[0]


@every_file
def test_rays_own_validator_accepts_the_file(name: str) -> None:
    from ray.autoscaler._private.util import validate_config

    validate_config(prepared(name))


@every_file
def test_the_file_installs_the_tested_versions(name: str) -> None:
    setup = commands(read(name), "setup")
    assert re.findall(r"ray\[default\]==([\d.]+)", setup) == [pinned("ray")]
    (python,) = re.findall(r"uv venv .*--python ([\d.]+)", setup)
    with (ROOT / "pyproject.toml").open("rb") as file:
        least = tomllib.load(file)["project"]["requires-python"].removeprefix(">=")
    assert python.startswith(f"{least}."), "all nodes run the same patch of the Python tested"
    assert "-c ~/prunesweep/constraints.txt" in setup


@every_file
def test_no_nightly_wheel_and_no_default_of_ray_is_used(name: str) -> None:
    """Ray's defaults for AWS and GCP install a nightly wheel and open the dashboard to all."""
    text = commands(
        prepared(name), "setup", "head_setup", "worker_setup", "head_start_ray", "worker_start_ray"
    )
    assert "ray-wheels" not in text and "0.0.0.0" not in text


@every_file
def test_only_the_package_is_sent_to_the_nodes(name: str) -> None:
    mounts = read(name)["file_mounts"]
    local = {path for path in mounts.values() if not path.startswith("~")}
    assert local == {"pyproject.toml", "constraints.txt", "README.md", "sweep", "analysis"}
    assert all((ROOT / path).exists() for path in local)


@every_file
def test_every_node_demands_the_token(name: str) -> None:
    config = read(name)
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    for kind in ("head_start_ray", "worker_start_ray"):
        starts = [line for line in config[f"{kind}_commands"] if "ray start" in line]
        assert len(starts) == 1 and "RAY_AUTH_MODE=token" in starts[0]


@every_file
def test_the_head_runs_no_trial_and_its_dashboard_listens_locally(name: str) -> None:
    start = commands(read(name), "head_start_ray")
    assert "--num-cpus=0" in start and "--dashboard-host=127.0.0.1" in start
    assert "RAY_enable_autoscaler_v2=0" in start
    assert "RAY_UP_enable_autoscaler_v2=0" in (ROOT / name).read_text(encoding="utf-8")


@every_file
def test_the_lines_to_change_are_marked(name: str) -> None:
    """And the addresses in it are those that are kept for documentation."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text.count("CHANGE") >= 4
    ips = set(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text)) - {"127.0.0.1"}
    assert all(ip.startswith("192.0.2.") for ip in ips)


@every_cloud
def test_idle_workers_are_terminated(name: str) -> None:
    config = read(name)
    assert 0 < config["idle_timeout_minutes"] <= 15
    assert all(not kind.get("min_workers") for kind in config["available_node_types"].values())
    assert config["available_node_types"]["head"]["max_workers"] == 0


def test_the_accounts_group_is_not_open() -> None:
    text = (ROOT / "examples/cluster/cluster-aws-account.yaml").read_text(encoding="utf-8")
    pattern = re.findall(r"AllowedPattern: '(.+)'", text)[0]
    assert re.fullmatch(pattern, "198.51.100.7/32")
    assert not re.fullmatch(pattern, "0.0.0.0/0")
    assert text.count("CidrIp") == 1 and "CidrIp: !Ref MyIp" in text
    assert not re.search(r"[&*]\w+\n|<<:", text), "CloudFormation knows no anchors"


def test_gcp_is_not_on_the_network_that_is_open() -> None:
    for kind in read("examples/cluster/cluster-gcp.yaml")["available_node_types"].values():
        (interface,) = kind["node_config"]["networkInterfaces"]
        assert interface["subnetwork"].endswith("/subnetworks/prunesweep")


def launched(config: dict[str, Any], demand: dict[str, float], refused: str = "") -> dict[str, int]:
    """What the autoscaler would launch for three bundles of ``demand``."""
    from functools import partial

    from ray.autoscaler._private.node_provider_availability_tracker import (
        NodeProviderAvailabilityTracker,
    )
    from ray.autoscaler._private.resource_demand_scheduler import get_nodes_for
    from ray.autoscaler.node_launch_exception import NodeLaunchException

    from sweep.cluster.spot import score

    tracker = NodeProviderAvailabilityTracker(timer=lambda: 0.0)
    if refused:
        tracker.update_node_availability(refused, 0, NodeLaunchException("None", "left", None))
    scorer = partial(score, node_availability_summary=tracker.summary())
    types = config["available_node_types"]
    found, _ = get_nodes_for(types, {"head": 1}, "head", 8, [demand] * 3, utilization_scorer=scorer)
    return dict(found)


def test_spot_comes_first_and_on_demand_while_spot_is_unavailable() -> None:
    """By Ray's scheduler of nodes, on the file's types, with the scorer that the file names."""
    config = prepared("cluster.yaml")
    start = commands(config, "head_start_ray")
    assert "RAY_AUTOSCALER_UTILIZATION_SCORER=sweep.cluster.spot.score" in start
    one = {"CPU": 1.0, "GPU": 1.0}
    assert launched(config, one) == {"gpu-spot": 3}
    assert launched(config, one, refused="gpu-spot") == {"gpu-on-demand": 3}
    assert launched(config, {"CPU": 1.0, "GPU": 0.5}) == {"gpu-spot": 2}
    assert launched(config, {"CPU": 1.0}) == {"cpu-spot": 1}
    assert launched(config, {"CPU": 1.0}, refused="cpu-spot") == {"cpu-spot": 1}, "no GPU wasted"
