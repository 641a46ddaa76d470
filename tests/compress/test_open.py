"""A share of a GPU's memory, in figures: no GPU is at hand where tests run."""

from __future__ import annotations

import pytest

from sweep.compress.open import PROCESS_BYTES, memory_fraction
from sweep.errors import UsageError

GIB = 1024**3


@pytest.mark.parametrize("total", [16 * GIB, 24 * GIB, 80 * GIB])
@pytest.mark.parametrize("share", [0.1, 0.25, 0.3333, 0.5, 0.9])
def test_as_many_processes_as_shares_fit_beside_each_other(total: int, share: float) -> None:
    each = memory_fraction(share, total) * total + PROCESS_BYTES
    assert int(1 / share) * int(each) <= total
    assert each == pytest.approx(share * total)  # and nothing is given away


def test_a_share_that_holds_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match=r"resources.gpu=0.05 of a GPU of 8.0 GiB is too small"):
        memory_fraction(0.05, 8 * GIB)
