"""What a driver is before it connects to Ray."""

from __future__ import annotations

import subprocess
import sys


def test_a_driver_imports_ray_only_once_it_is_set_up() -> None:
    """Ray reads its environment when it is imported: a token, no usage pings. Torch never."""
    code = "import sys, sweep.cluster.run, sweep.cluster.confirm; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"ray", "torch"} & set(done.stdout.split())
