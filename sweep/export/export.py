"""One record of a sweep as a new folder of files, checked before it is there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import nn

from analysis import Results
from sweep import __version__
from sweep.compress.dense.bench import Workbench
from sweep.compress.dense.ship import find_packed
from sweep.compress.models import load_classifier
from sweep.compress.quantize.layers import save_grid
from sweep.config import CLOSED_FORM, SweepConfig
from sweep.errors import StorageError, UsageError
from sweep.export import checks, sparse
from sweep.export import onnx as to_onnx
from sweep.export.card import card
from sweep.export.checks import Checked
from sweep.export.files import WEIGHTS, complete, has_more, write_activations, write_model
from sweep.export.point import Point, rebuilt
from sweep.ledger.files import new_folder, remove_empty
from sweep.ledger.folder import SweepFolder
from sweep.ledger.store import Store

if TYPE_CHECKING:
    from sweep.compress.trial import Trial

LINEAGE, CARD = "prunesweep.json", "README.md"


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
    """Write the model of ``point`` into the new folder ``to``; all of it or nothing.

    It holds the model and its tokenizer as Hugging Face reads them (a quantised one's weights on
    their grid), the masks, how inputs are pruned or rounded, the compact file,
    ``prunesweep.json`` (lineage) and the card. The files are read back: see
    :func:`sweep.export.checks.check`, and the compact file must give the dense one bit for bit.
    With ``onnx`` there is a graph too, whose answers must be the model's.
    Raises :class:`~sweep.errors.UsageError` where the point has no checkpoint or ``to`` appears,
    :class:`~sweep.errors.StorageError` where a check fails or the disk refuses.
    """
    if onnx:
        to_onnx.check_packages()
        to_onnx.check_params(point.params)
    bench = Workbench(config, "cpu")
    bench.adopt(find_packed(folder.dense))
    with checks.threads_of_a_worker(config.resources.cpu):
        trial = rebuilt(bench, folder, point)
        with _new(to) as scratch:
            checked = _write_checked(trial, bench, point, scratch, may_differ, onnx)
            _describe(results, config, point, checked, command, scratch)
    return checked


def check_request(config: SweepConfig, sweep: Store, to: Path) -> None:
    """Refuse what can be refused before anything is read.

    Raises :class:`~sweep.errors.UsageError` where ``to`` is there, or the sweep at the place
    ``sweep`` is of a formula.
    """
    if os.path.lexists(to):
        raise UsageError(f"{to} exists already; name a new folder with --to")
    if config.task.dataset == CLOSED_FORM:
        raise UsageError(f"{sweep} swept a formula ({CLOSED_FORM}): there is no model to export")


def _write_checked(
    trial: Trial, bench: Workbench, point: Point, folder: Path, may_differ: int, onnx: bool
) -> Checked:
    """Write all files of the model; returns what the checks of them found."""
    ours = checks.logits(trial.model, bench)
    saved, weights_correct = _write_model(trial, bench, folder)
    checked = checks.check(bench, ours, saved, point, may_differ)
    checked = replace(checked, weights_correct=weights_correct)
    _write_sparse(folder)
    if onnx:
        to_onnx.write_onnx(saved, bench, folder)
        found = to_onnx.onnx_logits(folder, bench)
        differing, largest = checks.check_onnx(ours, found, may_differ)
        checked = replace(checked, onnx_differing=differing, onnx_largest=largest)
    return checked


def _write_model(trial: Trial, bench: Workbench, folder: Path) -> tuple[nn.Module, int | None]:
    """Write the trial's model, and what prunes or rounds its inputs.

    Returns the model read back from the files, and how many answers are right with its weights
    alone; None where nothing else is to be done.
    """
    config = bench.config
    names, tokenizer = bench.task.label_names, config.tokenizer or config.model
    save_grid(trial.model, folder)
    write_model(trial.model, trial.masks, names, tokenizer, folder)
    write_activations(trial.activations, folder)
    saved = load_classifier(str(folder), bench.task)
    if not has_more(folder):
        return saved, None
    weights_correct = int(checks.right(checks.logits(saved, bench), bench).sum())
    complete(saved, folder)
    return saved, weights_correct


@contextmanager
def _new(to: Path) -> Iterator[Path]:
    """A scratch folder that becomes ``to``; where it does not, nothing of it is left."""
    made = [path for path in to.parents if not path.exists()]
    try:
        with new_folder(to) as scratch:
            yield scratch
            number = scratch.stat().st_ino
        if to.stat().st_ino != number:
            raise UsageError(f"{to} appeared meanwhile, and is left as it is: nothing was exported")
    except (OSError, SafetensorError) as error:
        remove_empty(made)
        reason = error.strerror if isinstance(error, OSError) else None
        raise StorageError(f"cannot write {to}: {reason or error}") from error
    except BaseException:
        remove_empty(made)
        raise


def _write_sparse(folder: Path) -> None:
    """The compact file, read back against the dense one."""
    dense = load_file(folder / WEIGHTS)
    sparse.save(folder / sparse.FILE, dense)
    if sparse.digest(sparse.load(folder / sparse.FILE)) != sparse.digest(dense):
        raise StorageError("the compact file does not give the model back: nothing was exported")


def _describe(
    results: Results,
    config: SweepConfig,
    point: Point,
    checked: Checked,
    command: str,
    folder: Path,
) -> None:
    """Write the card and the lineage, and let others than the owner read all files."""
    files = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    text = card(results, config, point, checked, files, command)
    lineage = {
        "prunesweep": __version__,
        "command": command,
        **point.lineage,
        "checks": asdict(checked),
        "sha256": {name: _sha256(folder / name) for name in files},
        "config": config.model_dump(mode="json"),
    }
    (folder / CARD).write_text(text, encoding="utf-8")
    (folder / LINEAGE).write_text(json.dumps(lineage, indent=2) + "\n", encoding="utf-8")
    for file in folder.iterdir():
        file.chmod(0o644)  # safetensors writes for the owner alone


def _sha256(path: Path) -> str:
    """As ``sha256sum`` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
