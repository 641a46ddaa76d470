"""Sequence classifiers: loading and checking them, a new small BERT, and dropout."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sweep.compress.tasks.encode import is_missing_folder
from sweep.errors import UsageError, first_line
from sweep.ledger.files import tree_digest

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


def load_classifier(
    name: str,
    label_names: Sequence[str],
    vocabulary: int,
    max_length: int,
    seed: int = 0,
    setting: str = "model",
) -> nn.Module:
    """Load a sequence classifier from a folder or the hub, on the CPU, in float32.

    Weights are read from safetensors, never from pickles, and no remote code runs. If a checkpoint
    has no head, it is drawn from ``seed``. ``setting`` is the config setting for error messages.
    Raises :class:`~sweep.errors.UsageError` if the model is missing or damaged, if its head does
    not fit the labels, if the tokenizer has more tokens than the model, or if texts of
    ``max_length`` tokens have more positions.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification

    _check_folder(name)
    try:
        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
        trained = has_head(config)
        if not trained:
            config.num_labels = len(label_names)
        with seeded(seed):
            model, report = AutoModelForSequenceClassification.from_pretrained(
                name,
                config=config,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:  # the library raises many kinds, all of them about this model
        raise UsageError(f"{setting} {name!r} cannot be loaded: {first_line(error)}") from error
    if trained and (missing := sorted(report["missing_keys"])):  # they would be random
        raise UsageError(f"{setting} {name!r} lacks weights: {json.dumps(missing[:5])}")
    _check_sizes(f"{setting} {name!r}", config, label_names, vocabulary, max_length)
    _check_labels(f"{setting} {name!r}", config, label_names)
    loaded: nn.Module = model
    return loaded


def beside(model: str | None, name: str) -> Path | None:
    """Return the file ``name`` beside a model's weights; None without one, or for a hub id."""
    there = [Path(model) / each for each in ("config.json", name)] if model else []
    return there[-1] if there and all(map(Path.is_file, there)) else None


def save_model(model: nn.Module, folder: Path) -> None:
    """Save a model as a folder that ``from_pretrained`` reads, in safetensors.

    Every saved model goes through this function. The state dict of a layer that was a ``Conv1D``
    has that layout (`sweep.compress.conv1d`), so the folder is one of the original class.
    """
    model.save_pretrained(folder)  # type: ignore[operator]


def model_key(name: str) -> str:
    """Return a key of a model: a digest of its folder, or its hub name."""
    return tree_digest(name) if Path(name).is_dir() else name


def fresh_bert(vocabulary: int, labels: int, max_length: int, seed: int) -> nn.Module:
    """Make an untrained small BERT: 2 layers, width 128, about 294 k parameters for the digits."""
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=256,
        max_position_embeddings=max(max_length, 64),
        type_vocab_size=2,
        num_labels=labels,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.0,
        # A pixel value is a token, so 0 is a word; rows are never padded.
        pad_token_id=None,
    )
    with seeded(seed):
        fresh: nn.Module = BertForSequenceClassification(config)
        return fresh


def dropout_rates(model: nn.Module) -> dict[str, float]:
    """Return the rate of every dropout layer by module name."""
    layers = model.named_modules()
    return {name: module.p for name, module in layers if isinstance(module, nn.Dropout)}


def set_dropout(model: nn.Module, rate: float | None) -> None:
    """Set the rate of every dropout layer, in [0, 1); None keeps the model's rates."""
    if rate is None:
        return
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = rate


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's global generators, the GPU's with ``device``, and restore them afterwards."""
    with torch.random.fork_rng(devices=[device] if device and device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def quiet() -> None:
    """Disable the library's progress bars and warnings in the sweep's output."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _check_folder(name: str) -> None:
    """Check that a name that looks like a path is a folder with a config and weights."""
    folder = Path(name)
    if is_missing_folder(name):
        raise UsageError(f"model folder not found: {name}")
    if not folder.exists():
        return
    if not (folder / "config.json").is_file():
        raise UsageError(f"model folder {name} has no config.json")
    if not any((folder / weights).is_file() for weights in WEIGHTS):
        raise UsageError(f"model folder {name} has no weights: it needs {WEIGHTS[0]}")


def has_head(config: Any) -> bool:
    """Whether a checkpoint was saved as a classifier, that is, has a trained head."""
    return any("SequenceClassification" in name for name in config.architectures or [])


def _check_sizes(
    name: str, config: Any, label_names: Sequence[str], vocabulary: int, max_length: int
) -> None:
    if config.num_labels != len(label_names):
        raise UsageError(
            f"{name} has a head of {config.num_labels} labels, but the data has "
            f"{len(label_names)}: {', '.join(label_names[:12])}"
        )
    if getattr(config, "vocab_size", vocabulary) < vocabulary:
        raise UsageError(
            f"{name} knows {config.vocab_size} tokens, the tokenizer makes "
            f"{vocabulary}: name the model's own in `tokenizer`"
        )
    positions = getattr(config, "max_position_embeddings", max_length)
    if max_length > positions:
        raise UsageError(
            f"task.max_length is {max_length}, but {name} takes {positions} tokens at most"
        )


def _check_labels(name: str, config: Any, label_names: Sequence[str]) -> None:
    """Refuse a head that has the data's labels in another order, whatever their case.

    A head with other names than the data's, or with the default names LABEL_0, LABEL_1 and so on,
    passes, because its names do not tell the order.
    """
    theirs = [str(config.id2label.get(label)).lower() for label in range(config.num_labels)]
    ours = [label.lower() for label in label_names]
    default = [f"label_{label}" for label in range(len(theirs))]
    if sorted(theirs) == sorted(ours) and theirs not in (ours, default):
        raise UsageError(
            f"{name} has the labels {', '.join(theirs)}, the data {', '.join(ours)}; allowed: the "
            "same order, or the head's ids (integers) in the label column"
        )
