"""An exported model answers by the names of the data's labels, whatever the order of its head."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.export.sweeps import HandOver, sweep_of
from tests.harness import tiny
from tests.harness.benches import MakeBench

TURNED = {"id2label": {0: "positive", 1: "negative"}, "label2id": {"positive": 0, "negative": 1}}


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("model", "labels", "sections"),
    [
        (TURNED, ("negative", "positive"), {}),
        pytest.param({"head": False}, (1, 2), {}, marks=slow),
        pytest.param({}, ("no", "yes"), {"task": {"label_names": ["yes", "no"]}}, marks=slow),
        pytest.param(TURNED, ("no", "yes"), {"baseline": {"new_head": True}}, marks=slow),
    ],
)
def test_a_pipeline_answers_by_the_names_of_the_labels(
    make_bench: MakeBench,
    tmp_path: Path,
    hand_over: HandOver,
    model: dict[str, Any],
    labels: tuple[Any, Any],
    sections: dict[str, Any],
) -> None:
    """The figures of the sweep are those of the pipeline's answers, compared as texts."""
    from transformers import pipeline

    rows = [{**row, "label": labels[row["label"]]} for row in tiny.rows(60, 0)]
    names = {"train": "a.jsonl", "validation": "b.csv"}  # of different bytes
    files = {split: tiny.write(tmp_path / name, rows) for split, name in names.items()}
    trained = {"epochs": 6, "learning_rate": 5e-3, **sections.get("baseline", {})}
    folder = tiny.save(tmp_path / "tiny", **model)
    bench = make_bench(folder, files, **{**sections, "baseline": trained})
    swept = sweep_of(tmp_path / "swept", bench, [{"sparsity": 0.1, "finetune_epochs": 0}])
    to = hand_over(swept, "t00000", 0)
    checked = json.loads((to / "prunesweep.json").read_text())["checks"]
    answers = pipeline("text-classification", model=str(to))([row["text"] for row in rows])
    right = sum(
        found["label"] == str(row["label"]) for found, row in zip(answers, rows, strict=True)
    )
    assert right == checked["correct"] > 40  # of 60
    assert {found["label"] for found in answers} <= set(map(str, labels))
    config = json.loads((to / "config.json").read_text())
    assert set(config["id2label"].values()) == set(map(str, labels)) == set(config["label2id"])
