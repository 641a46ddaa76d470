"""`ray up` of cluster-local.yaml on three machines, and a sweep in which one worker is lost.

    python -m benchmarks.local_launcher    # root, Linux; 3 to 6 minutes on two cores

The machines are Linux namespaces (`benchmarks.machines`), and ssh, rsync and uv are replacements.
All else is the unchanged file with addresses filled in, and Ray's own launcher and autoscaler.
`sweep launch` submits and follows the sweep through the tunnel of `ray dashboard`. During the sweep
every Ray process of one worker gets SIGKILL; the autoscaler must start Ray there again, and every
trial must end once. Then a worker gets a spot notice as on AWS: its node must end as preempted.
After `ray down` no Ray process may be left on any machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from benchmarks.machines.client import ask, has_ray
from benchmarks.machines.metadata import ADDRESS
from benchmarks.machines.namespaces import INSIDE, NETWORK, ROOT, isolate, machines
from sweep.cluster.connect import Token
from sweep.cluster.jobs.api import JobsApi
from sweep.errors import ClusterError

CONFIG = Path("examples", "cluster", "cluster-local.yaml")
TRIALS = 48
WAITS = 400.0
"""Timeout of a step in seconds."""

# Replacement for uv: an environment with this one's programs and the copied prunesweep.
UV = f"""#!/bin/bash
case "$1" in
  venv)
    mkdir -p ~/env/bin
    for name in python ray sweep; do
      printf '#!/bin/sh\\n%s exec %s/%s "$@"\\n' \\
        'PYTHONPATH="${{PYTHONPATH:+$PYTHONPATH:}}$HOME/prunesweep"' \\
        {Path(sys.executable).parent} $name > ~/env/bin/$name
      chmod +x ~/env/bin/$name
    done ;;
  pip) test -f ~/prunesweep/pyproject.toml ;;
esac
"""

# Of this benchmark's machines: a node may take its time to start where all share two cores, and
# what is on PYTHONPATH is what the launcher and the job brought.
PROFILE = "export RAY_raylet_start_wait_time_s=150\nunset PYTHONPATH\n"

URL = "http://127.0.0.1:8265"

QUERY = """
from ray._raylet import GcsClient
from ray.core.generated.common_pb2 import NodeDeathInfo
for node in GcsClient(address='127.0.0.1:6379').get_all_node_info().values():
    why = NodeDeathInfo.Reason.Name(node.death_info.reason)
    print('NODE', node.node_manager_address, why if node.state else 'ALIVE')
"""


class Launcher:
    """Ray's cluster launcher, as on a user's laptop."""

    def __init__(self, ips: list[str], folder: Path) -> None:
        self.ips, self.file = ips, folder / CONFIG.name
        self.home = folder / "laptop"
        (self.home / ".ssh").mkdir(parents=True)
        (self.home / ".ssh/id_ed25519").write_text("this key is never read\n")
        text = (ROOT / CONFIG).read_text(encoding="utf-8")
        text = text.replace("192.0.2.", f"{NETWORK}.").replace("ssh_user: CHANGE", "ssh_user: root")
        self.file.write_text(text)
        self.environment = {
            **os.environ,
            "HOME": str(self.home),
            "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "RAY_TMPDIR": str(folder),
            "RAY_AUTH_MODE": "token",
            "RAY_UP_enable_autoscaler_v2": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self.log = (folder / "ray.log").open("ab")

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command of the file's header in the top folder."""
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log
        )

    def ray(self, *arguments: str) -> None:
        """Run `ray ARGUMENTS`; raise AssertionError with its output if it fails."""
        code = self.start("ray", *arguments).wait(WAITS)
        assert code == 0, f"ray {' '.join(arguments)}: exit {code}\n{self.said()}"

    def said(self) -> str:
        """Return the end of the commands' output."""
        return Path(self.log.name).read_text(errors="replace")[-6000:]

    def answers(self) -> bool:
        """Whether the Jobs API answers through the tunnel."""
        token = (self.home / ".ray/auth_token").read_text().strip()
        with suppress(ClusterError):
            return bool(JobsApi(URL, Token(token, "the launcher")).ray_version())
        return False

    def workers(self) -> set[str]:
        """The addresses of the workers that the head counts as alive."""
        return {ip for ip, state in self.nodes() if state == "ALIVE"} - {self.ips[0]}

    def nodes(self) -> list[list[str]]:
        """Address and state, or reason of death, of every node so far."""
        said = ask(self.ips[0], f'RAY_AUTH_MODE=token ~/env/bin/python -c "{QUERY}"')[1]
        return [line.split()[1:] for line in said.splitlines() if line.startswith("NODE")]


def wait_until(what: str, true: Callable[[], bool]) -> float:
    """Return the seconds until ``true``; raise AssertionError on a timeout."""
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < WAITS, f"never: {what}"
        time.sleep(1)
    return time.monotonic() - started


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def ends(ledger: Path) -> Counter[str]:
    """How often each trial has ended."""
    from tests.faults.verdict import read_events

    with suppress(FileNotFoundError):
        events = read_events(ledger.parent)
        return Counter(str(e["trial_id"]) for e in events if e["event"] == "end")
    return Counter()


def lose_a_worker(launcher: Launcher, ledger: Path) -> float:
    """Kill all Ray processes of one worker; return the seconds until it is back."""
    ip = launcher.ips[-1]
    wait_until("a trial ended", lambda: len(ends(ledger)) >= 4)
    ask(ip, "pkill -KILL raylet; pkill -KILL -f '[r]ay/_private|[r]ay::'")
    wait_until("the head noticed the loss", lambda: ip not in launcher.workers())
    say(f"{ip} is lost, after {len(ends(ledger))} of {TRIALS} trials")
    return wait_until("it came back", lambda: ip in launcher.workers())


def sweep(launcher: Launcher, folder: Path) -> tuple[int, int, float]:
    """Run a sweep that loses a worker: (trials lost, trials ended twice, recovery seconds)."""
    out = folder / "results"
    settings = (f"search.trials={TRIALS}", "task.seconds_per_epoch=0.5")
    command = (sys.executable, "-m", "sweep.cli.main", "launch", "closed-form", *settings)
    running = launcher.start(*command, "--address", URL, "--out", str(out))
    seconds = lose_a_worker(launcher, out / "ledger.jsonl")
    assert running.wait(WAITS) == 0, launcher.said()
    ended = ends(out / "ledger.jsonl")
    return TRIALS - len(ended), sum(n > 1 for n in ended.values()), seconds


def spot_notice(launcher: Launcher) -> bool:
    """Send a worker a spot notice; return whether its node ends as preempted."""
    ip = launcher.ips[1]
    ask(ip, f"ip addr add {ADDRESS}/32 dev lo")
    ask(ip, f"setsid {sys.executable} -m benchmarks.machines.metadata > /dev/null 2>&1 &")
    watch = f"unset PYTHONPATH; ~/env/bin/python -m sweep.cluster.spot {launcher.ips[0]}:6379"
    said = ask(ip, f"cd /; export RAY_AUTH_MODE=token; {watch}")[1]
    assert "drained: True" in said, said
    gone = [ip, "AUTOSCALER_DRAIN_PREEMPTED"]
    wait_until("its node ended as preempted", lambda: gone in launcher.nodes())
    return True


def main() -> None:
    with machines(3) as (ips, folder):
        for home in (folder / "homes").iterdir():
            (home / ".local/bin").mkdir(parents=True)
            (home / ".local/bin/uv").write_text(UV)
            (home / ".local/bin/uv").chmod(0o755)
            with (home / ".profile").open("a") as profile:
                profile.write(PROFILE)
        launcher = Launcher(ips, folder)
        started = time.monotonic()
        launcher.ray("get-auth-token", "--generate")
        launcher.ray("up", "-y", str(launcher.file))
        wait_until("all workers up", lambda: launcher.workers() == set(ips[1:]))
        up = time.monotonic() - started
        say(f"head and {len(ips) - 1} workers are up")
        launcher.start("ray", "dashboard", str(launcher.file))  # ends with its namespace
        wait_until("the Jobs API answers", launcher.answers)
        lost, duplicated, back = sweep(launcher, folder)
        say(f"the sweep has ended: {TRIALS} trials, {lost} lost, {duplicated} ended twice")
        preempted = spot_notice(launcher)
        say("a worker got a spot notice: its node was drained and ended as preempted")
        launcher.ray("down", "-y", str(launcher.file))
        gone = wait_until("no Ray left", lambda: not any(has_ray(ip) for ip in ips))
    found = f"{lost=} {duplicated=} {preempted=:d} down_s={gone:.0f}"
    print(f"up_s={up:.0f} came_back_s={back:.0f} {found}")
    sys.exit(lost + duplicated > 0)


if __name__ == "__main__":
    if INSIDE not in sys.argv:
        isolate("benchmarks.local_launcher")
    main()
