"""Data sets and models of a hub, loaded by the real clients from a server on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import tiny
from tests.harness.hub import Hub, hub

pytestmark = pytest.mark.slow

READ = """
import json, sys
from sweep.compress.tasks.sources import open_data
from sweep.config.sections import TaskConfig
from sweep.errors import UsageError
for name, subset, split in json.loads(sys.argv[1]):
    try:
        data = open_data(TaskConfig(dataset=name, subset=subset))
        rows = data.rows(split, "text", "label")
        print(json.dumps([list(rows.texts), list(rows.labels), rows.label_names]))
    except UsageError as error:
        print(json.dumps(str(error)))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    root = tmp_path_factory.mktemp("hub")
    parts = {"train": tiny.rows(40, 1), "validation": tiny.rows(20, 2), "test": tiny.rows(20, 3)}
    for name, rows in parts.items():
        tiny.write(place(root, f"datasets/me/whole/{name}.csv"), rows)
    tiny.write(place(root, "datasets/me/train-only/data/train.jsonl.gz"), parts["train"])
    for subset in ("one", "two"):
        tiny.write(place(root, f"datasets/me/subsets/{subset}/train.parquet"), parts["train"])
    told = [{"config_name": s, "data_files": f"{s}/train.parquet"} for s in ("one", "two")]
    card = f"---\nconfigs: {json.dumps(told)}\n---\n"
    (root / "datasets/me/subsets/README.md").write_text(card)
    for name in ("login", "ask"):
        tiny.write(place(root, f"datasets/me/{name}/train.csv"), parts["train"])
    tiny.save(root / "models/me/bert")
    with hub(root) as server:
        server.gated = {"me/login": 401, "me/ask": 403}
        yield server


def place(root: Path, name: str) -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    return root / name


def test_data_sets_are_read_or_refused_in_a_sentence(served: Hub, tmp_path: Path) -> None:
    asked = [
        ("me/whole", None, "train"),
        ("me/whole", None, "test"),
        ("me/train-only", None, "validation"),
        ("me/subsets", "two", "train"),
        ("me/subsets", None, "train"),
        ("me/subsets", "three", "train"),
        ("me/none", None, "train"),
        ("me/login", None, "train"),
        ("me/ask", None, "train"),
    ]
    done = served.run(tmp_path, "-c", READ, json.dumps(asked))
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    train = tiny.rows(40, 1)
    told = [[row[name] for row in train] for name in ("text", "label")]
    assert found[0] == [*told, None]
    assert found[1][0] == [row["text"] for row in tiny.rows(20, 3)]
    assert found[2] == "the data has no split 'validation': set task.dataset.validation=FILE"
    assert found[3] == [*told, None]
    for sentence, words in zip(
        found[4:],
        [
            "available configs: ['one', 'two']",
            "'three' not found. Available: ['one', 'two']",
            "'me/none' doesn't exist on the Hub",
            "'me/login' is a gated dataset",
            "'me/ask' is a gated dataset",
        ],
        strict=True,
    ):
        assert words in sentence, sentence
        assert "task.dataset.train=FILE" in sentence


TRIALS = """
import contextlib, io, json, sys
from sweep.cli.main import main
config, asked = sys.argv[1:]
for settings in json.loads(asked):
    sys.argv = ["sweep", "trial", config, "finetune_epochs=0", "--json", *settings]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(out):
        with contextlib.redirect_stderr(err):
            main()
    told = json.loads(out.getvalue() or "{}")
    accuracies = [told[name] for name in told if name.endswith("_accuracy")]
    print(json.dumps(accuracies or err.getvalue()))
"""


def test_a_trial_of_a_hub_model_on_hub_data(served: Hub, tmp_path: Path) -> None:
    """Its figures equal those of a trial on the same files; a new revision is read again; without
    the hub, the last revision is used.
    """
    config = tmp_path / "config.yaml"
    config.write_text("{name: hub, task: {dataset: me/whole, max_length: 16}, model: me/bert}")
    folder = served.root / "datasets/me/whole"

    def trials(server: Hub, *settings: list[str]) -> list[Any]:
        done = server.run(tmp_path, "-c", TRIALS, str(config), json.dumps(settings))
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    files = [f"task.dataset.{name}={folder}/{name}.csv" for name in ("train", "validation")]
    local = [*files, f"model={served.root}/models/me/bert"]
    missing, subset = ["task.dataset=me/none"], ["task.subset=three"]
    first, other, no_data, no_model, wrong = trials(
        served, [], local, missing, ["model=me/none"], subset
    )
    assert first == other and len(first) == 3
    for sentence, words in (
        (no_data, "'me/none' doesn't exist on the Hub"),
        (no_model, "me/none"),
        (wrong, "'three' not found"),
    ):
        assert sentence.startswith("error: ") and words in sentence, sentence
        assert "Traceback" not in sentence
    tiny.write(folder / "validation.csv", [{**row, "label": 0} for row in tiny.rows(20, 2)])
    [second] = trials(served, [])
    assert second != first
    away = Hub(served.root, "http://127.0.0.1:9")  # nothing answers there
    assert trials(away, []) == [second]
