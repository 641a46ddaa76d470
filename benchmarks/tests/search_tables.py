"""A synthetic table in the format of the recorded ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = 1000


def arrays(seeds: int = 3, epochs: int = 4, noise: float = 0.01) -> dict[str, Any]:
    """Accuracy rises with density, l1-norm, a good learning rate and epochs; global ends worse."""
    methods, scopes = ["l1-norm", "random"], ["local", "global"]
    sparsities = np.linspace(0.2, 0.98, 9)
    rates = np.geomspace(2e-5, 5e-4, 4)
    m, c, s, r, _, e = np.ix_(
        [0, 1], [0, 1], sparsities, np.log10(rates), range(seeds), range(epochs + 1)
    )
    hurt = 0.25 * (1 + 0.6 * m) * (1 + 0.4 * c * (s - 0.6)) * s**3
    lost = (0.3 + 0.2 * m) * s**2 * 0.45**e
    unfit = 0.08 * (r + 4) ** 2 * (1 - 0.6**e)
    share = 0.88 - hurt - lost - unfit
    random = np.random.default_rng(7)
    share = share + noise * random.normal(size=(*share.shape[:4], seeds, epochs + 1))
    counts = np.round(EXAMPLES * np.clip(share, 0.5, 1)).astype(np.int16)
    seconds = np.where(e == 0, 2.0, 10.0) * np.ones(counts.shape)
    return {
        "methods": np.array(methods),
        "scopes": np.array(scopes),
        "sparsities": sparsities,
        "learning_rates": rates,
        "seeds": np.arange(seeds),
        "correct": counts,
        "seconds": seconds.astype(np.float32),
        "examples": EXAMPLES,
        "dense_correct": 890,
        "majority_correct": 500,
        "meta": "{}",
    }


def write(path: Path, **settings: Any) -> Path:
    """Write a table to ``path``."""
    np.savez_compressed(path, **arrays(**settings))
    return path
