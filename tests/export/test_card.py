"""The model card: its figures are the ledger's, and its code runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import analysis
from sweep.export.card import cell
from sweep.export.sparse import digest
from tests.export.sweeps import HandOver
from tests.harness.command import Command


@pytest.fixture(scope="module")
def text(exported: Path) -> str:
    return (exported / "README.md").read_text()


def test_the_hub_can_read_the_header(text: str) -> None:
    from huggingface_hub import ModelCard

    data = ModelCard(text).data
    assert (data.library_name, data.pipeline_tag) == ("transformers", "text-classification")
    assert data.base_model is None  # a local folder means nothing on other machines


def test_its_figures_equal_those_of_the_ledger_and_the_masks(
    swept: Path, exported: Path, text: str
) -> None:
    results = analysis.load(swept)
    assert results.baseline is not None
    (record,) = [r for r in results.story.records if (r["trial_id"], r["epoch"]) == ("t00001", 2)]
    for accuracy in (record["accuracy"], results.baseline["accuracy"]):
        assert f"{100 * accuracy:.2f} %" in text
    assert f"{100 * record['sparsity']:.2f} %" in text
    assert f"{100 * record['model_sparsity']:.2f} %" in text
    assert "**Not confirmed on test.**" in text and "therefore optimistic" in text
    for row in results.front.itertuples():
        assert re.search(rf"{row.trial_id}\W.*{100 * row.sparsity:.1f} %", text)
    masks = np.concatenate(
        [m.flatten() for m in load_file(exported / "masks.safetensors").values()]
    )
    assert f"{100 * (1 - masks.mean()):.2f} %" in text
    for words in ("trial `t00001` after 2", "| method | l1-norm |", "t00001, 2, 5", "torch 2.13.0"):
        assert words in text
    assert "No speed-up was measured" in text
    assert results.warnings
    assert all(f"**Warning:** {warning}." in text for warning in results.warnings)


def test_its_code_loads_the_model_and_reads_the_compact_file(exported: Path, text: str) -> None:
    code, other = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    found: dict[str, object] = {"FOLDER": exported, "print": lambda *given: None}
    exec(code, found)
    assert type(found["model"]).__name__ == "BertForSequenceClassification"
    assert "max_length=16" in code
    found = {}
    exec(other, found)
    tensors = found["load_sparse"](exported / "model.sparse.safetensors")  # type: ignore[operator]
    assert digest(tensors) == digest(load_file(exported / "model.safetensors"))


def test_what_pruning_leaves_out_is_named(own: Path, hand_over: HandOver) -> None:
    ledger = own / "ledger.jsonl"
    events = [json.loads(line) for line in ledger.read_text().splitlines()]
    rows = [["layer.0.q", 40, "kind"], ["layer.1.q", 40, "kind"]]
    [dense] = [event for event in events if event["event"] == "baseline"]
    dense |= {"coverage": 0.25, "left_out": rows}
    ledger.write_text("".join(json.dumps(event) + "\n" for event in events))
    text = (hand_over(own, "t00001", 2) / "README.md").read_text()
    assert (
        r"Coverage is 0.2500; left out, of kinds that cannot be pruned: layer.\*.q (80 weights"
        in text
    )


def test_a_confirmed_point_shows_figures_on_test(
    own: Path, export: Command, tmp_path: Path
) -> None:
    """Its round has not finished, so it was chosen by its figure alone."""
    results = analysis.load(own)
    record, front = results.story.trials["t00001"].records[-1], results.front
    points = [*zip(front["trial_id"], front["epoch"].astype(int), strict=True), ("t00001", 2)]
    made = [{"trial_id": t, "epoch": e, "why": "front"} for t, e in dict.fromkeys(points)]
    figures = {name: value for name, value in record.items() if name != "correct_bits"}
    figures |= {"time": 2000.0, "attempt": 1}
    dense = {name: figures[name] for name in ("loss", "time", "sparsity")} | {"warnings": []}
    events = [
        {"event": "confirm", "confirm": 0, "points": made, "seeds": [1, 2], "time": 2000.0},
        {**dense, "event": "confirm_baseline", "accuracy": 0.7, "correct": 21, "examples": 30},
    ]
    for point in made:
        for seed, correct in ((1, 18), (2, 20)):
            found = {"accuracy": correct / 30, "correct": correct, "examples": 30, "seed": seed}
            where = {"trial_id": point["trial_id"], "epoch": point["epoch"]}
            events.append({**figures, **where, **found, "event": "confirm_record"})
    with (own / "ledger.jsonl").open("a") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)
    done = export(own, "--to", tmp_path / "m", "--max-drop", 0.5)
    text = (tmp_path / "m" / "README.md").read_text()
    note = (
        "No such point is certain to have so small a drop at 95 %. The point was chosen by its own"
    )
    assert note in done.out and note in text and "They are not within 1 point of dense." in text
    assert "Not confirmed" not in text
    assert "| **same settings, retrained** | 63.33 % |" in text
    assert "test, 30 examples, 2 seeds" in text and "70.00 %" in text
    assert "not biased by the selection" in text
    assert "Figures are on test, means over new seeds." in text


def test_a_cell_cannot_break_its_table() -> None:
    assert cell({"x | y\nz": 1, "left out": None}) == "x \\| y z 1"
