"""What a worker says of its own troubles."""

from __future__ import annotations

import pytest

from sweep.cluster.worker import sentence


class OutOfMemoryError(RuntimeError):
    """As torch names its own."""


@pytest.mark.parametrize(
    ("error", "begins"),
    [
        (ValueError("bad"), "ValueError: bad"),
        (OutOfMemoryError("CUDA out of memory. Tried ..."), "out of GPU memory with resources.gpu"),
    ],
)
def test_an_error_is_a_sentence(error: Exception, begins: str) -> None:
    said = sentence(error, {"resources": {"gpu": 0.25}})
    assert said.startswith(begins)
    assert "0.25" in said or isinstance(error, ValueError)
