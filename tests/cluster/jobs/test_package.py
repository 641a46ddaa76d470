"""The package that a job carries: source and config, small, and the same bytes every time."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

from sweep.cluster.jobs.submit import pack

EXTRA = {"tiny.yaml": "name: tiny\ntask: {dataset: closed-form}\n"}


def test_the_package_is_small_and_holds_no_data_and_no_results() -> None:
    _, data = pack(EXTRA)
    assert len(data) < 1_500_000
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert {"sweep/cli/main.py", "sweep/configs/digits.yaml", "tiny.yaml"} <= set(names)
    assert {name.split("/")[0] for name in names} == {"sweep", "analysis", "tiny.yaml"}
    assert not [name for name in names if "__pycache__" in name]


def test_the_package_is_named_by_its_content() -> None:
    assert pack(EXTRA) == pack(EXTRA)
    assert pack(EXTRA)[0] != pack({"tiny.yaml": "name: other\n"})[0]


def test_the_package_runs_where_prunesweep_is_not_installed(tmp_path: Path) -> None:
    zipfile.ZipFile(io.BytesIO(pack(EXTRA)[1])).extractall(tmp_path)
    command = [sys.executable, "-m", "sweep.cli.main", "check", "tiny.yaml", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"name": "tiny"' in done.stdout
    where = [sys.executable, "-c", "import sweep; print(sweep.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True)
    assert found.stdout.startswith(str(tmp_path))
