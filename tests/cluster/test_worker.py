"""What a worker says of its own troubles."""

from __future__ import annotations

import pytest

from sweep.cluster.worker import Worker


class OutOfMemoryError(RuntimeError):
    """As torch names its own."""


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("bad"), "ValueError: bad"),
        (OutOfMemoryError("CUDA out of memory. Tried ..."), "out of GPU memory with resources.gpu"),
    ],
)
def test_an_error_is_a_sentence(error: Exception, sentence: str) -> None:
    worker = Worker.__new__(Worker)
    worker.settings = {"resources": {"gpu": 0.25}}
    assert worker._sentence(error).startswith(sentence)
    assert "0.25" in worker._sentence(error) or isinstance(error, ValueError)
