"""How sure an accuracy is."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def wilson(
    correct: ArrayLike, examples: ArrayLike, level: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Wilson score interval of the share ``correct / examples``: arrays (low, high) in [0, 1].

    Unlike the textbook interval it stays inside [0, 1] and keeps its coverage near 0 and 1.
    Where ``examples`` is 0 or missing (NaN), both ends are NaN. ``level`` is in (0, 1).

    >>> low, high = wilson(90, 100)
    >>> print(f"{low:.4f} {high:.4f}")
    0.8256 0.9448
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}")
    hits = np.asarray(correct, dtype=np.float64)
    total = np.asarray(examples, dtype=np.float64)
    total = np.where(total > 0, total, np.nan)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share, scale = hits / total, 1 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    half = z / scale * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
