"""Simulated machines have their own address, name, processes and home, and end with the test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.machines.client import split
from benchmarks.machines.namespaces import ISOLATED, ROOT, possible

TALK = """
import subprocess
import time
import urllib.request
from contextlib import suppress

from benchmarks.machines.client import ask
from benchmarks.machines.namespaces import machines

with machines(2) as ((one, two), folder):
    (folder / "tree/inner").mkdir(parents=True)
    (folder / "tree/inner/file").write_text("brought")
    login = "bash --login -c"
    print(ask(one, f"{login} 'ssh -tt -i key -o A=b root@{two} hostname; exit 3'"))
    print(ask(one, f"{login} 'rsync --rsh x -avz {folder}/tree/ root@{two}:~/there/'")[0])
    print(ask(two, "cat ~/there/inner/file; exit 4"))
    print(ask(one, f"cat /there; export MACHINES='{one} {two}'; srun --wait=0 hostname -I")[1])
    serve = "python3 -m http.server --bind 127.0.0.1 8265"
    ask(one, f"echo through the tunnel > said; setsid {serve} &")
    subprocess.Popen([folder / "bin/ssh", "-L", "8000:localhost:8265", f"root@{one}", "sleep 99"])
    for _ in range(100):
        with suppress(OSError):
            print(urllib.request.urlopen("http://127.0.0.1:8000/said").read().decode().strip())
            break
        time.sleep(0.1)
    print(ask(two, "kill -0 1 && ls /proc | grep -c '^[0-9]'")[1])
"""


@pytest.mark.skipif(bool(possible()), reason=possible())
def test_machines_reach_each_other_and_nothing_else() -> None:
    done = subprocess.run(
        [*ISOLATED, sys.executable, "-c", TALK], cwd=ROOT, capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    assert lines[0] == r"(3, 'machine1\n')", done.stderr
    assert lines[1:3] == ["0", "(4, 'brought')"]
    assert {"10.77.0.10 ", "10.77.0.11 "} <= set(lines)
    assert "through the tunnel" in lines
    assert int(lines[-1] or lines[-2]) < 10, "a process table of its own"
    assert not list(Path("/var/tmp").glob("machines-*/tree")), "nothing is left behind"


def test_options_are_separated_from_arguments() -> None:
    words = ["-tt", "-i", "key", "-o", "A=b", "root@host", "ls", "-l"]
    assert split(words) == (["root@host", "ls", "-l"], 5)
    assert split(["--wait=0", "ray", "--", "x"])[0] == ["ray", "--", "x"]
