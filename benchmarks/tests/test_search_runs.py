"""Runs are cached: a finished run is not repeated unless its result would change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.search import runs
from benchmarks.search.methods import BASE
from benchmarks.search.runs import Job, plan_jobs, run, run_all
from benchmarks.tests.search_tables import write


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[Job]:
    table = write(tmp_path_factory.mktemp("t") / "made.npz", epochs=4)
    return plan_jobs([table], {8: 20, 64: 30}, seeds=8, methods=[BASE, "ours:gp"])


def test_every_run_is_planned_once_and_a_slow_method_has_fewer(jobs: list[Job]) -> None:
    assert len({job.key for job in jobs}) == len(jobs) == 8 * 2 + 8
    slow = [job for job in jobs if job.method == "ours:gp"]
    assert {(job.workers, job.marks) for job in slow} == {(8, (10,))}
    plain = {(job.workers, job.marks) for job in jobs if job.method == BASE}
    assert plain == {(8, (10, 40)), (64, (15, 60))}


def test_cached_runs_are_not_repeated(jobs: list[Job], tmp_path: Path) -> None:
    """No process starts for them; a torn line does not count as a run."""
    done = [run(job) for job in jobs[:2]]
    file = tmp_path / "runs.jsonl"
    whole = "".join(json.dumps(row) + "\n" for row in done)
    file.write_text(whole + whole[:40])
    assert list(run_all(jobs[:2], file, processes=0)) == json.loads(json.dumps(done))
    with pytest.raises(ValueError, match="at least 1"):
        list(run_all(jobs[:3], file, processes=0))
    assert file.read_text() == whole + whole[:40] + "\n"


def test_a_changed_table_or_source_causes_a_new_run(jobs: list[Job]) -> None:
    assert replace(jobs[0], path="elsewhere/made.npz").key == jobs[0].key
    for change in ({"digest": "x"}, {"code": "x"}, {"workers": 9}, {"marks": (1, 2)}):
        assert replace(jobs[0], **change).key != jobs[0].key


def test_a_rule_of_ours_depends_on_our_sources_and_a_peer_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = {name: runs._code(name) for name in (BASE, "ours:tpe")}
    (tmp_path / "moasha.py").write_text("changed")
    monkeypatch.setattr(runs.sweep.search, "__file__", str(tmp_path / "__init__.py"))
    assert runs._code(BASE) == before[BASE]
    assert runs._code("ours:tpe") != before["ours:tpe"]
