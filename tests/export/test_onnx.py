"""`sweep export --onnx`: the graph answers as the model does, or the export fails."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sweep.compress.dense.bench import Workbench
from sweep.errors import StorageError
from sweep.export import checks
from sweep.export import onnx as to_onnx
from sweep.export.checks import check_onnx
from tests.export.sweeps import HandOver
from tests.harness.command import Command, assert_refused
from tests.harness.rounding import rounding


@pytest.mark.slow
def test_the_graph_answers_as_the_model_does(
    bench: Workbench, swept: Path, exported: Path, hand_over: HandOver
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    to = hand_over(swept, "t00001", 2, "--onnx")
    lineage = json.loads((to / "prunesweep.json").read_text())
    assert lineage["checks"]["onnx_differing"] == 0
    logits = checks.logits(bench.task.load(str(exported)), bench)
    assert 0 <= lineage["checks"]["onnx_largest"] < rounding(torch.from_numpy(logits))
    assert "model.onnx" in lineage["sha256"]
    assert "it gives the same answers" in (to / "README.md").read_text()
    alone, beside = ((folder / "model.safetensors").read_bytes() for folder in (exported, to))
    assert beside == alone
    session = onnxruntime.InferenceSession(to / "model.onnx")
    for shape in ((1, 1), (3, 7), (40, 16)):  # any batch, any length
        batch = {one.name: np.ones(shape, dtype=np.int64) for one in session.get_inputs()}
        assert session.run(["logits"], batch)[0].shape == (shape[0], 2)


def test_a_missing_extra_is_named(
    swept: Path, tmp_path: Path, export: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(to_onnx, "PACKAGES", ("onnx", "no_such_runtime"))
    done = export(swept, "--to", tmp_path / "m", "--trial", "t00000", "--onnx")
    assert_refused(done, 2, "no_such_runtime", "pip install 'prunesweep[onnx]'")
    assert list(tmp_path.iterdir()) == []


class Stubborn(to_onnx._Classifier):
    """A classifier that cannot be exported."""

    def forward(self, *inputs: Tensor) -> Tensor:
        raise RuntimeError("no such operator\nand a page of text")


@pytest.mark.slow
def test_a_model_that_has_no_graph_is_refused_in_a_sentence(
    swept: Path, tmp_path: Path, export: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxscript")
    monkeypatch.setattr(to_onnx, "_Classifier", Stubborn)
    done = export(swept, "--to", tmp_path / "m", "--trial", "t00000", "--onnx")
    assert_refused(done, 2, "--onnx: PyTorch cannot export this model", "(no such operator)")
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_different_answers_raise_an_error() -> None:
    ours = np.array([[0.1, 0.2], [0.4, 0.3]], dtype=np.float32)
    near = np.array([[0.1, 0.2], [0.3, 0.3001]], dtype=np.float32)
    assert check_onnx(ours, ours + np.float32(0.5), 0) == (0, pytest.approx(0.5))
    assert check_onnx(ours, near, 1)[0] == 1
    with pytest.raises(StorageError, match="1 of 2 validation examples differently"):
        check_onnx(ours, near, 0)
    with pytest.raises(StorageError, match="differently"):
        check_onnx(ours, np.full_like(ours, np.nan), 2)
