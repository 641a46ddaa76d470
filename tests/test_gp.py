"""The gp sampler, the only one that needs torch. The other samplers are tested in tests/search."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from sweep.search.startup import STARTUP
from sweep.search.study import Study
from tests.search.studies import BOTH, drive, space


def test_gp_with_two_objectives_is_deterministic() -> None:
    """It learns from given trials, because its own ten startup trials would take seconds."""
    domains = space("gp")
    log = drive(Study(domains, BOTH, "random", seed=9), 14, BOTH, 0)

    def asked() -> Any:
        study = Study(domains, BOTH, "gp", seed=1)
        for kind, given in log:
            if kind == "finish" and given[1]:
                study.learn(given[1], {}, {})
        assert study.learned >= STARTUP
        return study.ask(0)

    assert asked() == asked() != None  # noqa: E711


def test_only_gp_needs_torch() -> None:
    code = (
        "import sys; from sweep.search.study import Study; from sweep.space.domains import Float;"
        "s = Study({'sparsity': Float(0, 0.9)}, {'accuracy': 'max'}, 'tpe', 0); s.ask(0);"
        "print(sorted({'torch', 'ray'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
