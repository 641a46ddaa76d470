"""``python -m tests.families`` measures all families and writes their table into docs/methods."""

from __future__ import annotations

import os
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

if __name__ == "__main__":
    from tests.families.measured import PAGE, page

    with tempfile.TemporaryDirectory() as cache:
        os.environ["PRUNESWEEP_CACHE"] = cache
        PAGE.write_text(page(), encoding="utf-8")
