from __future__ import annotations

import pytest

from sweep.cluster.connect import cluster_at


@pytest.mark.parametrize(
    ("given", "variable", "found"),
    [
        (None, None, None),
        (None, "", None),
        (None, " local ", None),
        ("local", "host:6379", None),
        ("", "host:6379", None),
        (None, "host:6379", "host:6379"),
        ("auto", "host:6379", "auto"),
    ],
)
def test_an_address_that_is_empty_or_local_means_this_machine(
    monkeypatch: pytest.MonkeyPatch, given: str | None, variable: str | None, found: str | None
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if variable is not None:
        monkeypatch.setenv("RAY_ADDRESS", variable)
    assert cluster_at(given) == found
