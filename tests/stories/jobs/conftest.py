"""One cluster of three nodes for all stories of jobs, because its start takes 15 s."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.nodes import Cluster
from tests.harness.nodes import cluster as on_this_machine


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    """A head without CPUs, two workers of one CPU; token auth, and the Jobs API."""
    with on_this_machine(1, 1, jobs=True) as found:
        yield found


@pytest.fixture
def token(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the cluster's token to the commands in this process."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", cluster.token)
    return cluster.token
