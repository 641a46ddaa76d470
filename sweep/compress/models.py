"""Sequence classifiers: loading them and checking that they fit, saving them, a new small BERT."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sweep.compress.model_files import check_head, has_head, read_config, unreadable
from sweep.errors import StorageError, UsageError
from sweep.ledger.files import tree_digest


def load_classifier(
    name: str,
    label_names: Sequence[str],
    vocabulary: int,
    max_length: int,
    seed: int = 0,
    setting: str = "model",
    new_head: bool = False,
) -> nn.Module:
    """Load a sequence classifier from a folder or the hub, on the CPU, in float32.

    Weights are read from safetensors, never from pickles, and no remote code runs. If a checkpoint
    has no head, or with ``new_head``, it is drawn from ``seed``. The model's config gets the label
    names. Block-sparse attention becomes full attention. ``setting`` is the config setting for
    error messages. Raises :class:`~sweep.errors.UsageError` if the model is missing, damaged or of
    another kind (`sweep.compress.model_files`), if its head does not fit the labels, if the
    tokenizer has more tokens than the model, or if texts of ``max_length`` tokens have more
    positions.
    """
    from transformers import AutoModelForSequenceClassification

    what = f"{setting} {name!r}"
    config = read_config(name, setting)
    if getattr(config, "attention_type", None) == "block_sparse":
        # At its first short batch BigBird would replace its attention modules, to which masks and
        # trained weights belong. For short texts it computes full attention anyway.
        config.attention_type = "original_full"
    trained = has_head(config) and not new_head
    if not trained:
        config.num_labels, config.problem_type = len(label_names), None
    try:
        with seeded(seed):
            model, report = AutoModelForSequenceClassification.from_pretrained(
                name,
                config=config,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # refused below, with their names
                output_loading_info=True,
            )
            if new_head:
                model = _with_new_head(model)
    except Exception as error:  # the library raises many kinds, all of them about this model
        raise unreadable(name, what, error) from error
    loaded: nn.Module = model
    _check_weights(what, loaded, report, trained)
    _check_sizes(what, loaded, label_names, vocabulary, max_length)
    name_labels(loaded, label_names)
    return loaded


def name_labels(model: nn.Module, names: Sequence[str]) -> None:
    """Name the labels in the config of a model, in the order of their ids."""
    config: Any = model.config
    config.id2label = dict(enumerate(names))
    config.label2id = {name: index for index, name in enumerate(names)}


def beside(model: str | None, name: str) -> Path | None:
    """Return the file ``name`` beside a model's weights; None without one, or for a hub id."""
    there = [Path(model) / each for each in ("config.json", name)] if model else []
    return there[-1] if there and all(map(Path.is_file, there)) else None


def save_model(model: nn.Module, folder: Path) -> None:
    """Save a model as a folder that ``from_pretrained`` reads, in safetensors.

    The state dict of a layer that was a ``Conv1D`` has that layout (`sweep.compress.conv1d`), so
    the folder is one of the original class. ``config.json`` names all labels, their number and the
    type of the weights, because ``save_pretrained`` omits what equals a default of the library,
    which is not the default of every model (BART without labels has three).
    """
    model.save_pretrained(folder)  # type: ignore[operator]
    path = folder / "config.json"
    config: Any = getattr(model, "config", None)
    if not path.is_file() or not getattr(config, "id2label", None):  # a model of another package
        return
    content = json.loads(path.read_text(encoding="utf-8"))
    names = {int(index): str(name) for index, name in config.id2label.items()}
    content |= {
        "num_labels": len(names),
        "id2label": {str(index): name for index, name in names.items()},
        "label2id": {name: index for index, name in names.items()},
        "dtype": dtype_of(model),
    }
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def check_saved(model: nn.Module, saved: nn.Module) -> None:
    """Raise :class:`~sweep.errors.StorageError` if a model was not read back as it was saved."""
    found = saved.state_dict()
    for name, value in model.state_dict().items():
        if name not in found or not torch.equal(found[name], value.cpu()):
            raise StorageError(
                f"the dense model ({type(model).__name__}) cannot be saved: {name} is read back as "
                "another tensor"
            )


def dtype_of(model: nn.Module) -> str:
    """Return the type of a model's weights, such as ``float32``."""
    return str(next(model.parameters()).dtype).removeprefix("torch.")


def head_names(name: str, setting: str = "model") -> tuple[str, ...] | None:
    """Return the label names of a model's trained head, in order, or None if it has no such head.

    Raises :class:`~sweep.errors.UsageError` as :func:`load_classifier` does, and for a head that
    does not give one label per text.
    """
    config = read_config(name, setting)
    if not has_head(config):
        return None
    check_head(f"{setting} {name!r}", config)
    return tuple(str(config.id2label[number]) for number in range(config.num_labels))


def _with_new_head(model: Any) -> nn.Module:
    """Return a classifier with the weights of the model's base, and all others newly drawn."""
    fresh: Any = type(model)(model.config)
    fresh.base_model.load_state_dict(model.base_model.state_dict())
    fresh.config.architectures = None  # of the checkpoint, which has a trained head
    return fresh.eval()  # type: ignore[no-any-return]


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


def _check_weights(what: str, model: nn.Module, report: Mapping[str, Any], trained: bool) -> None:
    """Refuse weights that the files lack, that have another shape there, or that are not finite.

    A model without a trained head may lack what belongs to the head: all outside of the base
    model, and its pooler.
    """
    base = f"{model.base_model_prefix}."

    def needed(name: str) -> bool:
        return trained or (name.startswith(base) and "pool" not in name)

    if missing := sorted(filter(needed, report["missing_keys"])):  # they would be random
        raise UsageError(f"{what} lacks weights: {json.dumps(missing[:5])}")
    for name, found, expected in report["mismatched_keys"]:
        if trained or name.startswith(base):
            raise UsageError(
                f"{what}: {name} has the shape {tuple(found)}, but {tuple(expected)} by config.json"
            )
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise UsageError(f"{what}: {name} has values that are not finite (nan or inf)")


def usable_positions(model: nn.Module) -> int | None:
    """Return the number of tokens that a model can read at most, or None if it sets no limit.

    It is the config's number (-1 is no limit). Where positions are counted from behind the padding
    index of their embedding, as RoBERTa does, so many fewer are usable. A model with ``longrope``
    computes all texts of a batch in another way if one of them is longer than the original length,
    which is therefore the limit.
    """
    config: Any = model.config
    config = config.get_text_config()
    names = ("max_position_embeddings", "max_seq_len")
    limits = [getattr(config, name, None) for name in names]
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") == "longrope":
        limits.append(rope.get("original_max_position_embeddings"))
    allowed = [limit for limit in limits if isinstance(limit, int) and limit > 0]
    before = [
        part.padding_idx + 1
        for name, part in model.named_modules()
        if name.endswith("position_embeddings") and getattr(part, "padding_idx", None) is not None
    ]
    return min(allowed) - max(before, default=0) if allowed else None


def _check_sizes(
    what: str, model: nn.Module, label_names: Sequence[str], vocabulary: int, max_length: int
) -> None:
    config: Any = model.config
    if config.num_labels != len(label_names):
        raise UsageError(
            f"{what} has a head of {config.num_labels} labels, but the data has "
            f"{len(label_names)}: {', '.join(label_names[:12])}"
        )
    tokens = getattr(config.get_text_config(), "vocab_size", vocabulary)
    if tokens < vocabulary:
        raise UsageError(
            f"{what} knows {tokens} tokens, the tokenizer makes "
            f"{vocabulary}: name the model's own in `tokenizer`"
        )
    positions = usable_positions(model)
    if positions is not None and max_length > positions:
        raise UsageError(
            f"task.max_length is {max_length}, but {what} takes {positions} tokens at most: set "
            f"task.max_length={positions} or less"
        )
