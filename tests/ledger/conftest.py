"""One S3 server for all tests here; each has a prefix of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from sweep.ledger.store_objects import ObjectStore
from tests.ledger.server import BUCKET, Server, s3_server

pytest.importorskip("s3fs")
pytest.importorskip("moto")

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with s3_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture
def sweep(server: Server) -> ObjectStore:
    """Where a sweep may be."""
    return ObjectStore.at(f"s3://{BUCKET}/sweeps/{next(_numbers)}")
