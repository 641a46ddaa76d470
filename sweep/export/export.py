"""Export one record of a sweep as a new folder, which appears only after all checks."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from analysis import Results
from sweep.compress.dense.bench import Workbench
from sweep.compress.dense.ship import find_packed
from sweep.compress.quantize.layers import grid_layers, save_grid
from sweep.compress.trial import ModelTrial
from sweep.config import SweepConfig
from sweep.config.sections import CLOSED_FORM
from sweep.errors import StorageError, UsageError
from sweep.export import checks, sparse
from sweep.export import onnx as to_onnx
from sweep.export.card import card
from sweep.export.checks import Checked
from sweep.export.files import WEIGHTS, complete, write_activations, write_model
from sweep.export.point import Point, rebuilt
from sweep.ledger.files import new_folder, remove_empty
from sweep.ledger.folder import SweepFolder
from sweep.ledger.record import DETAILS
from sweep.ledger.store import Store
from sweep.version import __version__


def export(
    results: Results,
    config: SweepConfig,
    folder: SweepFolder,
    point: Point,
    to: Path,
    *,
    command: str = "",
    may_differ: int = 0,
    onnx: bool = False,
) -> Checked:
    """Write the model of ``point`` into the new folder ``to`` atomically.

    The folder has the model and its tokenizer in the format of Hugging Face (for a quantised model,
    weights on their grid), the masks, the settings of pruned or rounded inputs, the compact file,
    ``prunesweep.json`` (lineage) and the model card. The files are loaded again and checked
    (:func:`sweep.export.checks.check`); the compact file must equal the dense file bit for bit.
    ``onnx`` adds an ONNX graph, which must give the answers of the model.
    Raises :class:`~sweep.errors.UsageError` if the point has no checkpoint or ``to`` appears during
    the export, and :class:`~sweep.errors.StorageError` if a check fails or the disk fails.
    """
    if onnx:
        to_onnx.check(point.params)
    folder.refuse_links()
    bench = Workbench(config, "cpu")
    bench.adopt(find_packed(folder.dense))
    # As many threads as a worker has: the number of threads can change the rounding of sums.
    torch.set_num_threads(max(1, int(config.resources.cpu)))
    trial = rebuilt(bench, folder, point)
    with _new(to) as scratch:
        checked = _write_checked(trial, bench, point, scratch, may_differ, onnx)
        _describe(results, config, point, checked, command, scratch)
    return checked


def check_request(config: SweepConfig, sweep: Store, to: Path) -> None:
    """Check a request before anything is loaded.

    Raises :class:`~sweep.errors.UsageError` if ``to`` exists, or if the sweep at ``sweep`` has no
    model because its task is a formula.
    """
    if os.path.lexists(to):
        raise UsageError(f"{to} already exists; name a new folder with --to")
    if config.task.dataset == CLOSED_FORM:
        raise UsageError(f"{sweep} has no model to export: its task is a formula ({CLOSED_FORM})")


def _write_checked(
    trial: ModelTrial, bench: Workbench, point: Point, folder: Path, may_differ: int, onnx: bool
) -> Checked:
    """Write all files of the model. Returns the results of their checks."""
    ours, weights_correct = checks.logits(trial.model, bench), None
    save_grid(trial.model, folder)
    write_model(trial.model, trial.masks, bench.task.label_names, folder)
    bench.task.save_beside(folder)
    write_activations(trial.activations, folder)
    sparse.save(folder / sparse.FILE, load_file(folder / WEIGHTS))
    sparse.load(folder / sparse.FILE)  # which compares the SHA-256 of the two files' tensors
    saved = bench.task.open(str(folder))
    if trial.activations.modules or grid_layers(trial.model):  # which `from_pretrained` ignores
        weights_correct = int(checks.is_correct(checks.logits(saved, bench), bench).sum())
        complete(saved, folder)
    checked = checks.check(bench, ours, saved, point, may_differ)
    if onnx:
        to_onnx.write_onnx(saved, bench, folder)
        found = to_onnx.onnx_logits(folder, bench)
        differing, largest = checks.check_onnx(ours, found, may_differ)
        checked = replace(checked, onnx_differing=differing, onnx_largest=largest)
    return replace(checked, weights_correct=weights_correct)


@contextmanager
def _new(to: Path) -> Iterator[Path]:
    """Yield a scratch folder that is renamed to ``to``. After an error nothing is left of it."""
    made = [path for path in to.parents if not path.exists()]
    try:
        with new_folder(to) as scratch:
            yield scratch
            number = scratch.stat().st_ino
        if to.stat().st_ino != number:
            raise UsageError(
                f"{to} appeared during the export and was left unchanged: nothing was exported"
            )
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise StorageError(f"cannot write {to}: {reason or error}") from error
    finally:
        remove_empty(made)


def _describe(
    results: Results,
    config: SweepConfig,
    point: Point,
    checked: Checked,
    command: str,
    folder: Path,
) -> None:
    """Write the card and the lineage."""
    files = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    text = card(results, config, point, checked, files, command)
    lineage = {
        "prunesweep": __version__,
        "command": command,
        "trial_id": point.trial_id,
        "epoch": point.epoch,
        "seed": point.seed,
        "params": dict(point.params),
        "record": {name: part for name, part in point.record.items() if name not in DETAILS},
        "checks": asdict(checked),
        "sha256": {name: _sha256(folder / name) for name in files},
        "config": config.model_dump(mode="json"),
    }
    (folder / "README.md").write_text(text, encoding="utf-8")
    (folder / "prunesweep.json").write_text(json.dumps(lineage, indent=2) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    """The digest in the format of ``sha256sum``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
