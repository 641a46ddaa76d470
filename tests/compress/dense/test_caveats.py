"""What a reader must know of the dense model."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.compress.dense.benches import EPOCHS, Files, make_bench
from tests.harness import tiny


def test_a_warning_if_the_model_may_have_seen_validation(
    model_folder: Path, data_files: Files
) -> None:
    only_train = {"train": data_files["train"]}
    [warning] = make_bench(model_folder, only_train).warnings
    assert "carved" in warning
    assert "baseline.epochs: 0" in warning
    assert make_bench(model_folder, data_files).warnings == []
    assert make_bench(model_folder, only_train, **EPOCHS).warnings == []


def test_a_warning_if_no_head_was_ever_trained(
    model_folder: Path, data_files: Files, tmp_path: Path
) -> None:
    shutil.copytree(model_folder, tmp_path / "headless")
    tiny.bert().bert.save_pretrained(tmp_path / "headless")
    [warning] = make_bench(tmp_path / "headless", data_files).warnings
    assert "no trained classifier head" in warning
    assert make_bench(tmp_path / "headless", data_files, **EPOCHS).warnings == []
