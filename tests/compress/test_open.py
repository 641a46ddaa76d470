"""A share of a GPU's memory, computed without a GPU."""

from __future__ import annotations

import pytest

from sweep.compress.open import PROCESS_BYTES, memory_fraction
from sweep.errors import UsageError

GIB = 1024**3


@pytest.mark.parametrize("total", [16 * GIB, 24 * GIB, 80 * GIB])
@pytest.mark.parametrize("share", [0.1, 0.25, 0.3333, 0.5, 0.9])
def test_as_many_processes_fit_as_the_share_allows(total: int, share: float) -> None:
    each = memory_fraction(share, total) * total + PROCESS_BYTES
    assert int(1 / share) * int(each) <= total
    assert each == pytest.approx(share * total)  # and no memory is wasted


def test_a_share_that_is_too_small_is_refused() -> None:
    with pytest.raises(UsageError, match=r"resources.gpu=0.05 of a GPU of 8.0 GiB is too small"):
        memory_fraction(0.05, 8 * GIB)
