"""Hand the chosen model over: a folder that `from_pretrained` loads, checked before it is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from sweep import __version__, checkpoint
from sweep.atomic import new_folder
from sweep.baseline import Dense, Workbench
from sweep.config import SweepConfig
from sweep.errors import StorageError, UsageError
from sweep.folder import SweepFolder
from sweep.model import load_classifier
from sweep.params import Params
from sweep.tasks.encode import load_tokenizer
from sweep.training import evaluate
from sweep.trial import Trial


def export(config: SweepConfig, folder: SweepFolder, row: Mapping[str, Any], to: Path) -> str:
    """Write the model of one record (a row of ``records``) into the new folder ``to``.

    It holds the model and its tokenizer as Hugging Face reads them, ``masks.safetensors`` (True =
    kept) and ``prunesweep.json`` (lineage). The saved files are loaded again and evaluated: the
    recorded accuracy must come out, to the last example. Raises
    :class:`~sweep.errors.UsageError` where the record has no checkpoint, and
    :class:`~sweep.errors.StorageError` where that check fails; nothing is left then.
    """
    bench = Workbench(config, "cpu")
    trial = _trial(bench, folder, row)
    try:
        with new_folder(to) as scratch:
            trial.model.save_pretrained(scratch)  # type: ignore[operator]
            name = config.tokenizer or config.model
            if name is not None:
                load_tokenizer(name).save_pretrained(scratch)
            save_file(trial.masks.masks, scratch / "masks.safetensors")
            (scratch / "prunesweep.json").write_text(json.dumps(_lineage(config, row), indent=2))
            correct = _correct(bench, scratch)
            if correct != row["correct"]:
                raise StorageError(
                    f"the exported model answers {correct} of {row['examples']} right, the record "
                    f"says {row['correct']}: nothing was exported"
                )
    except OSError as error:
        raise StorageError(f"cannot write {to}: {error.strerror or error}") from error
    return (
        f"{row['trial_id']} after epoch {row['epoch']}, sparsity {row['sparsity']:.4f}, "
        f"{correct} of {row['examples']} validation examples right, as recorded"
    )


def _trial(bench: Workbench, folder: SweepFolder, row: Mapping[str, Any]) -> Trial:
    """The trial as it stood at the record: from its checkpoint, or pruned again for epoch 0."""
    params = Params.of({k[len("param_") :]: v for k, v in row.items() if k.startswith("param_")})
    if params.activation_sparsity > 0:
        raise UsageError(
            f"trial {row['trial_id']} prunes activations, which a plain model folder cannot hold"
        )
    trial = Trial.on(bench, params, int(row["seed"]))
    epoch = int(row["epoch"])
    if epoch == 0:
        trial.prune()
        return trial
    where = checkpoint.epoch_folder(folder.checkpoints, row["trial_id"], epoch)
    found = checkpoint.load(where, moments=False)
    if found is None:
        raise UsageError(
            f"trial {row['trial_id']} has no whole checkpoint of epoch {epoch}: only points of the "
            "front keep theirs"
        )
    trial.load_state_dict(found[0])
    return trial


def _correct(bench: Workbench, saved: Path) -> int:
    """How many validation examples the model in a folder answers right."""
    model = Dense.of(load_classifier(str(saved), bench.task)).reset()
    recipe = bench.recipe(0.0, 0, 0)
    return evaluate(model, bench.task.split("validation"), recipe, bench.task.pad_id).correct


def _lineage(config: SweepConfig, row: Mapping[str, Any]) -> dict[str, Any]:
    """Where the model comes from: its record and params, the sweep, the version of this package."""
    resolved = config.model_dump(mode="json")
    return {"prunesweep": __version__, "record": dict(row), "config": resolved}
