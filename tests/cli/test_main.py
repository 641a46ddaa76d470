"""The output of the `sweep` commands, and their messages for bad input, without Ray."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from sweep.cli.main import app
from sweep.version import __version__
from tests.analysis.ledgers import LedgerBuilder, big_sweep, small_sweep
from tests.harness.command import Command, assert_refused

HEAVY = {"torch", "ray", "transformers", "datasets", "optuna", "pandas", "numpy", "matplotlib"}
HEAVY.add("jsonschema")


def test_all_bad_settings_are_reported_at_once(cli: Command, tmp_path: Path) -> None:
    settings = ("space.sparsity=2", "search.trails=8", "storage=")
    words = ("3 problems in digits", "space.sparsity", "did you mean 'trials'", "storage")
    for command in ("check", "run"):
        assert_refused(cli(command, "digits", *settings), 2, *words)
    assert list(tmp_path.iterdir()) == []


def test_check_prints_how_many_observations_a_warm_start_gives(
    cli: Command, tmp_path: Path
) -> None:
    small_sweep().write(tmp_path / "other")
    setting = "search.warm_start=[other]"
    done = cli("check", "digits", setting)
    assert done.code == 0
    assert "warm start from other: 2 observations used" in done.out
    for command in ("check", "run"):
        lacking = ("task.metrics=[f1]", "objectives={f1: max, sparsity: max}")
        assert_refused(cli(command, "digits", setting, *lacking), 2, "other", "f1")
        assert_refused(cli(command, "digits", "search.warm_start=[gone]"), 2, "gone")


def test_check_opens_the_model_and_tells_its_coverage(
    cli: Command, model_folder: Path, data_files: dict[str, str]
) -> None:
    files = [f"task.dataset.{name}={path}" for name, path in data_files.items()]
    given = ("check", "digits", "task.dataset={}", *files, f"model={model_folder}")
    narrow = (*given, "pruning.include=[classifier]")
    done = cli(*narrow)
    assert done.code == 0, done.err
    assert re.search(r"^coverage +0\.0", done.out, flags=re.MULTILINE)
    assert "warning: pruning acts on" in done.out and "less than half" in done.out
    found = json.loads(cli(*narrow, "--json").out)
    assert found["coverage"] == pytest.approx(64 / (64 + sum(n for _, n, _ in found["left_out"])))
    assert "bert.pooler.dense.weight" in dict(row[:2] for row in found["left_out"])
    assert len(found["warnings"]) == 1
    assert_refused(cli(*given, "model=nowhere/at/all"), 2, "model folder not found")


@pytest.mark.parametrize("command", ["check", "run", "trial"])
def test_the_message_names_a_missing_config(cli: Command, command: str) -> None:
    assert_refused(cli(command, "nowhere.yaml"), 2, "nowhere.yaml", "digits")


def test_init_writes_a_config_that_check_accepts(cli: Command, tmp_path: Path) -> None:
    assert cli("init").code == 0
    done = cli("check", "sweep.yaml", "--json")
    assert done.code == 0
    plan = json.loads(done.out)
    assert plan["trials"] == plan["config"]["search"]["trials"]
    assert {"rungs", "worst_case_epochs", "quantization_epochs", "results"} <= plan.keys()
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]


def test_init_does_not_overwrite_a_file(cli: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mine")
    assert_refused(cli("init", "mine.yaml"), 2, "exists")
    assert (tmp_path / "mine.yaml").read_text() == "mine"
    assert_refused(cli("init", "mine.yaml/more.yaml"), 6, "cannot write")


DIGITS = (
    "digits",
    "task.train_samples=100",
    "task.eval_samples=100",
    "baseline.epochs=1",
    "method=l1-norm",
    "scope=local",
    "sparsity=0.5",
)


def test_a_trial_prints_one_json_document(cli: Command, tmp_path: Path) -> None:
    done = cli("trial", *DIGITS, "learning_rate=1e-3", "finetune_epochs=1", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    shares = ("baseline_accuracy", "pruned_accuracy", "recovered_accuracy", "model_sparsity")
    assert all(0 <= found[name] <= 1 for name in shares)
    assert found["sparsity"] == pytest.approx(0.5, abs=1e-4)
    assert found["seconds"] > 0
    assert "1. dense model" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_trial_prints_the_five_steps_and_three_accuracies(cli: Command) -> None:
    done = cli("trial", *DIGITS, "learning_rate=1e-3", "finetune_epochs=1", "--split", "test")
    assert done.code == 0, done.err
    starts = [line[:2] for line in done.out.splitlines()]
    assert [f"{step}." for step in range(1, 6)] == [start for start in starts if start[1] == "."]
    for name in ("baseline_accuracy", "recovered_accuracy", "coverage 1.0000", "test examples"):
        assert name in done.out


def test_a_trial_that_diverges_exits_with_3(cli: Command) -> None:
    done = cli("trial", *DIGITS, "learning_rate=1e30", "finetune_epochs=1", "--json")
    assert done.code == 3 and done.out == ""
    assert "error: diverged: loss is" in done.err and "Traceback" not in done.err


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("model=nowhere/at/all", "model folder not found"),
        ("task.dataset.train=nowhere.csv", "data file not found"),
        ("task.validation=0.001", "empty split"),
        ("task.text=txt", "did you mean 'text'"),
        ("--split=dev", "train, validation, test"),
    ],
)
def test_a_trial_refuses_bad_input_in_one_sentence(
    cli: Command, model_folder: Path, data_files: dict[str, str], setting: str, word: str
) -> None:
    """Further cases: test_models, tasks/test_task and tasks/test_sources in `tests/compress`."""
    from tests.harness import tiny

    config = tiny.make_config(model_folder, {"train": data_files["train"]})
    Path("words.yaml").write_text(config.model_dump_json())
    done = cli("trial", "words.yaml", setting)
    assert_refused(done, 2, word)
    assert len(done.err.strip().splitlines()) == 1 and not Path("results").exists()


def test_a_cache_that_cannot_be_written_exits_with_6(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path / "file" / "cache"))
    assert_refused(cli("trial", *DIGITS), 6, str(tmp_path / "file"))


@pytest.mark.parametrize("command", ["resume", "status", "front", "report"])
@pytest.mark.parametrize("kind", ["missing", "empty", "a file", "no ledger of ours"])
def test_a_folder_without_a_sweep_is_refused_and_stays_as_it_is(
    cli: Command, tmp_path: Path, command: str, kind: str
) -> None:
    folder = tmp_path / "folder"
    if kind == "a file":
        folder.write_text("text")
    elif kind != "missing":
        folder.mkdir()
    if kind == "no ledger of ours":
        (folder / "ledger.jsonl").write_text('{"event": "paid"}\n{"event": "billed"}\n')
    before = sorted(tmp_path.rglob("*"))
    assert_refused(cli(command, folder), 2, "folder")
    assert sorted(tmp_path.rglob("*")) == before


def test_run_refuses_a_folder_of_other_files_or_without_write_access(
    cli: Command, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "trials.csv").write_text("mine")
    assert_refused(cli("run", "digits", "--out", tmp_path), 2, "is not a sweep", "trials.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "trials.csv"]
    assert (tmp_path / "trials.csv").read_text() == "mine"
    for place in (tmp_path / "file" / "sweep", Path("/proc/sweep")):
        assert_refused(cli("run", "digits", "--out", place), 6, str(place), "--out")
        assert_refused(cli("run", "digits", f"storage={place}"), 6, str(place))
    assert (tmp_path / "file").read_text() == "text"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_sweep().write(tmp_path / "sweep")


def test_front_prints_a_table_or_json(cli: Command, folder: Path) -> None:
    rows = json.loads(cli("front", folder, "--json").out)
    assert [row["sparsity"] for row in rows] == sorted(row["sparsity"] for row in rows)
    text = cli("front", folder).out
    assert len(text.strip().splitlines()) == len(rows) + 1
    assert all(row["trial_id"] in text for row in rows)
    assert [path.name for path in folder.iterdir()] == ["ledger.jsonl"], "reading changes nothing"


def test_front_selects_points_by_conditions(cli: Command, tmp_path: Path) -> None:
    folder = big_sweep(20).write(tmp_path / "big")
    asked = [(), ("--min-sparsity", 0.8), ("--max-drop", 0.02), ("--knee",)]
    answers = [json.loads(cli("front", folder, *each, "--json").out) for each in asked]
    found = [[row["sparsity"] for row in rows] for rows in answers]
    assert found == [[0.4, 0.56, 0.86, 0.87], [0.86, 0.87], [0.4, 0.56], [0.86]]


@pytest.mark.parametrize(
    ("options", "code", "word"),
    [
        (("--min-sparsity", 0.99), 4, "no point"),
        (("--max-drop", -0.5), 4, "no point"),
        (("--max-drop", -0.5, "--json"), 4, "no point"),
        (("--min-sparsity", 2), 2, "min"),
        (("--max-drop", "nan"), 2, "max"),
    ],
)
def test_conditions_that_no_point_meets_are_refused(
    cli: Command, folder: Path, options: tuple[object, ...], code: int, word: str
) -> None:
    assert_refused(cli("front", folder, *options), code, word)


def test_status_and_front_of_a_sweep_without_a_point_yet(cli: Command, tmp_path: Path) -> None:
    folder = LedgerBuilder().baseline().write(tmp_path / "young")
    assert_refused(cli("front", folder), 4, "the front has no point yet")
    done = cli("status", folder)
    assert done.code == 0 and "the front has no point yet" in done.out


def test_a_front_has_its_coverage_where_it_is_below_one(cli: Command, tmp_path: Path) -> None:
    for coverage, shown in ((0.25, True), (1.0, False)):
        ledger = LedgerBuilder().baseline(coverage=coverage)
        ledger.trial("t00000").record("t00000", 0, 700, 0.5, coverage=coverage).end("t00000")
        folder = ledger.write(tmp_path / str(coverage))
        status = cli("status", folder).out
        assert f"coverage {coverage:.3f}; " in status
        assert ("coverage" in cli("front", folder).out) == shown
        assert json.loads(cli("status", folder, "--json").out)["coverage"] == coverage
        assert json.loads(cli("front", folder, "--json").out)[0]["coverage"] == coverage


def test_status_prints_text_or_json(cli: Command, folder: Path) -> None:
    found = json.loads(cli("status", folder, "--json").out)
    assert found["trials"] == {
        "completed": 1,
        "stopped": 1,
        "failed": 1,
        "running": 0,
        "unfinished": 1,
    }
    assert found["planned"] == 4 and found["state"] == "interrupted"
    assert found["epochs_spent"] == 4 and found["epochs_saved"] == 2
    assert found["failures"] == [{"trial_id": "t00002", "error": "the loss is not finite"}]
    text = cli("status", folder).out
    assert "1 failed" in text and "the loss is not finite" in text and "t00002" in text
    assert [path.name for path in folder.iterdir()] == ["ledger.jsonl"], "reading changes nothing"


@pytest.mark.parametrize("arguments", [["--help"], ["check", "digits"], ["schema"], ["version"]])
def test_quick_commands_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\nfrom sweep.cli.main import main\n"
        f"sys.argv = ['sweep', *{arguments!r}]\n"
        "try: main()\nexcept SystemExit as left: assert not left.code\n"
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert HEAVY & set(done.stderr.split()) == set()
    assert done.stdout
    assert list(tmp_path.iterdir()) == []


def help_of(cli: Command, *path: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        done = cli(*path, "--help")
    assert done.code == 0 and max(map(len, done.out.splitlines())) <= 80
    return "".join(done.out.split())


def test_help_lists_the_commands_in_the_order_of_use(cli: Command) -> None:
    words = """init schema check trial run resume status front confirm report export launch logs
    stop render export-study plugins version"""
    listed = cli("--help").out.partition("Commands:")[2].splitlines()
    assert [line.split()[0] for line in listed if line.startswith("  ")] == words.split()


def test_no_help_is_cut_off(cli: Command) -> None:
    """The first sentence of each command and the help of each option are complete."""
    commands: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    for path, command in commands:
        text = help_of(cli, *path)
        assert "".join(command.help.split()) in text
        for option in command.params:
            assert "".join((option.help or "").split()) in text and option.help, (path, option.name)
        for name, inner in getattr(command, "commands", {}).items():
            commands.append(((*path, name), inner))
            sentence = inner.help.split(".\n")[0].split(". ")[0].rstrip(".")
            assert f"{name}{''.join(sentence.split())}." in text
    assert len(commands) == 1 + 18 + 2


def test_version_is_an_option_and_a_command(cli: Command) -> None:
    assert cli("--version").out == cli("version").out == f"{__version__}\n"


def test_usage_errors_exit_with_2(cli: Command, folder: Path) -> None:
    for arguments in (["sweep"], ["front"], ["front", folder, "--best"], ["check", "digits", "x"]):
        done = cli(*arguments)
        assert done.code == 2 and "Traceback" not in done.err and done.err
