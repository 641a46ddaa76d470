"""cluster.yaml and its AWS account with Ray's own launcher for AWS, against moto's AWS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACCOUNT = ROOT / "examples" / "cluster" / "cluster-aws-account.yaml"
boto3 = pytest.importorskip("boto3")
moto = pytest.importorskip("moto")
pytest.importorskip("cfnlint", reason="moto needs it to read a CloudFormation template")

REGION = "us-west-2"
ME = "198.51.100.7/32"


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The account's stack, deployed; yields the id of its security group."""
    given = {"Bucket": "a-bucket-of-ours", "MyIp": ME}
    with pytest.MonkeyPatch.context() as patch, moto.mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "none")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # Ray writes an ssh key there
        patch.chdir(ROOT)
        formation = boto3.client("cloudformation")
        formation.create_stack(
            StackName="prunesweep",
            TemplateBody=ACCOUNT.read_text(encoding="utf-8"),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        (stack,) = formation.describe_stacks(StackName="prunesweep")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        yield stack["Outputs"][0]["OutputValue"]


@pytest.fixture(scope="module")
def bootstrapped(group: str) -> dict[str, Any]:
    """What `ray up` makes of the file before it starts a machine."""
    from ray.autoscaler._private.commands import _bootstrap_config

    text = (ROOT / "cluster.yaml").read_text(encoding="utf-8").replace("sg-CHANGE", group)
    found: dict[str, Any] = _bootstrap_config(yaml.safe_load(text), no_config_cache=True)
    return found


def test_the_security_group_admits_the_user_and_itself(group: str) -> None:
    (found,) = boto3.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    ssh, inside = sorted(found["IpPermissions"], key=lambda rule: rule.get("FromPort", 1 << 16))
    assert [r["CidrIp"] for r in ssh["IpRanges"]] == [ME] and ssh["ToPort"] == 22
    assert not inside["IpRanges"]
    assert [pair["GroupId"] for pair in inside["UserIdGroupPairs"]] == [group]


def test_ray_adds_no_group_and_no_role(group: str, bootstrapped: dict[str, Any]) -> None:
    """A group that Ray makes is open to everywhere, whatever else is said."""
    kinds = bootstrapped["available_node_types"]
    for name, kind in kinds.items():
        machine = kind["node_config"]
        profile = "prunesweep-head" if name == "head" else "prunesweep-worker"
        assert machine["SecurityGroupIds"] == [group] and machine["SubnetIds"]
        assert machine["IamInstanceProfile"] == {"Name": profile}
        assert machine["MetadataOptions"]["HttpTokens"] == "required"
        assert ("InstanceMarketOptions" in machine) == name.endswith("-spot")
    groups = boto3.client("ec2").describe_security_groups()["SecurityGroups"]
    assert {one["GroupName"] for one in groups} == {"default", "prunesweep"}
    assert "security_group" not in bootstrapped["provider"]
    roles = boto3.client("iam").list_roles()["Roles"]
    assert {one["RoleName"] for one in roles} == {"prunesweep-head", "prunesweep-worker"}


def test_a_spot_worker_can_be_launched(bootstrapped: dict[str, Any]) -> None:
    """All but the image, which moto does not look up by its name."""
    from ray.autoscaler._private.providers import _get_node_provider

    provider = _get_node_provider(bootstrapped["provider"], bootstrapped["cluster_name"])
    images = boto3.client("ec2").describe_images(Owners=["amazon"])["Images"]
    machine = bootstrapped["available_node_types"]["gpu-spot"]["node_config"]
    made = provider.create_node(
        {**machine, "ImageId": images[0]["ImageId"]}, {"ray-node-type": "worker"}, 1
    )
    (instance,) = made.values()
    assert instance.instance_type == "g6.xlarge" and instance.instance_lifecycle == "spot"
