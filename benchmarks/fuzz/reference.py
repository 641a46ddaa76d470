"""Independent readers: tiny models with plain transformers, and ledgers line by line."""

from __future__ import annotations

import json
import operator
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

LENGTH = 128
"""task.max_length of all inputs: more bytes of a text are cut."""

PAD, UNKNOWN, END = 256, 257, 258

_WIDTH = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
_ENCODER = {**_WIDTH, "intermediate_size": 24, "initializer_range": 0.5}
_BART = {f"{side}_{name}": 1 for side in ("encoder", "decoder") for name in ("layers",)}
_BART |= {f"{side}_attention_heads": 2 for side in ("encoder", "decoder")}
_BART |= {f"{side}_ffn_dim": 24 for side in ("encoder", "decoder")}

SHAPES: dict[str, dict[str, Any]] = {
    "bert": _ENCODER,
    "roberta": {**_ENCODER, "max_position_embeddings": 512},
    "electra": {**_ENCODER, "embedding_size": 16},
    "distilbert": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 24},
    "albert": {**_ENCODER, "embedding_size": 16},
    "gpt2": {"n_embd": 16, "n_layer": 1, "n_head": 2, "initializer_range": 0.5},
    "llama": {**_ENCODER, "num_key_value_heads": 2},
    "opt": {**_ENCODER, "ffn_dim": 24, "word_embed_proj_dim": 16, "init_std": 0.5},
    "bart": {"d_model": 16, **_BART, "init_std": 0.5},
}
"""Small shapes by model type."""


@cache
def byte_letters() -> dict[str, int]:
    """The letters that a byte-level tokenizer of GPT-2 uses for bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in kept]
    letters = {chr(byte): byte for byte in kept}
    return letters | {chr(256 + i): byte for i, byte in enumerate(others)}


def save_tokenizer(folder: Path, pad: bool = True, end: bool = False) -> None:
    """Save a tokenizer whose tokens are bytes, so that nothing of a text is lost.

    With ``end`` each text ends with an end token.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = byte_letters() | {"<pad>": PAD, "<unk>": UNKNOWN, "</s>": END}
    tokenizer = Tokenizer(models.BPE(ids, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    if end:
        tokenizer.post_processor = processors.TemplateProcessing("$A </s>", None, [("</s>", END)])
    names = {"unk_token": "<unk>", "eos_token": "</s>", **({"pad_token": "<pad>"} if pad else {})}
    inputs = ["input_ids", "attention_mask"]
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=inputs, **names)
    made.save_pretrained(folder)


def text_of(tokens: Sequence[int]) -> bytes:
    """The bytes of a text from its tokens, without padding."""
    return bytes(token for token in tokens if token < 256)


def save_model(
    folder: Path,
    names: Sequence[str] | None,
    family: str = "bert",
    pad: bool = True,
    seed: int = 0,
) -> Path:
    """Save a tiny model with a head for these labels, or without a head, and its tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    special = {"pad_token_id": PAD if pad else None, "bos_token_id": 1, "eos_token_id": END}
    config = AutoConfig.for_model(family, vocab_size=END + 1, **{**SHAPES[family], **special})
    if names is not None:
        config.id2label = dict(enumerate(names))
        config.label2id = {name: i for i, name in enumerate(names)}
    kind = AutoModel if names is None else AutoModelForSequenceClassification
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kind.from_config(config).save_pretrained(folder)
    save_tokenizer(folder, pad, end=family == "bart")
    return folder


@cache
def model_for(names: tuple[str, ...] | None) -> Path:
    """A folder in the scratch folder, made once, with a BERT whose head has these names."""
    return save_model(Path(tempfile.mkdtemp(prefix="model-")), names)


@dataclass(frozen=True)
class Answers:
    """Logits (texts, labels) of a model, and the name of each label."""

    names: tuple[str, ...]
    logits: npt.NDArray[np.floating]

    @property
    def chosen(self) -> list[str]:
        return [self.names[i] for i in self.logits.argmax(1)]


def answers_of(folder: Path, texts: Sequence[str], together: bool = False) -> Answers | None:
    """What plain transformers answers; None if it cannot, or has to make up weights.

    Each text is read alone, so that no token is padding, or ``together`` as one padded batch.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            folder, output_loading_info=True, dtype=torch.float32, use_safetensors=True
        )
        if report["missing_keys"] or report["mismatched_keys"]:
            return None
        tokenizer = AutoTokenizer.from_pretrained(folder)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token  # as the documents say
        given = {"truncation": True, "max_length": LENGTH, "return_tensors": "pt"}
        rows: list[Any] = []
        for batch in [list(texts)] if together else [[text] for text in texts]:
            inputs = tokenizer(batch, padding=together, **given)
            with torch.no_grad():
                rows.extend(model.eval()(**inputs).logits.numpy())
        names = tuple(str(model.config.id2label[i]) for i in range(len(rows[0])))
    except Exception:
        return None
    return Answers(names, np.stack(rows))


def is_headless(folder: Path) -> bool:
    """Whether a folder has a model of transformers whose config names no finished classifier."""
    try:
        names = json.loads((folder / "config.json").read_text())["architectures"]
        return not any("SequenceClassification" in str(name) for name in names)
    except Exception:
        return False


def base_of(folder: Path) -> dict[str, Any] | None:
    """The weights that plain transformers reads without a head; None if it cannot."""
    from transformers import AutoModel

    try:
        model, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    except Exception:
        return None
    missing = report["missing_keys"]
    return {name: value for name, value in model.state_dict().items() if name not in missing}


def has_base(model: Any, base: Mapping[str, Any]) -> bool:
    """Whether a model has these weights below its head, transposed or not."""
    import torch

    own = model.base_model.state_dict()
    names = [name for name in base if "pool" not in name and torch.is_floating_point(base[name])]
    return all(
        name in own
        and (
            torch.equal(own[name], base[name].float())
            or (base[name].dim() == 2 and torch.equal(own[name], base[name].float().T))
        )
        for name in names
    )


def canon(label: Any) -> Any:
    """What the forms of a label have in common: the number, or the text in lower case.

    >>> [str(canon(label)) for label in (1, 1.0, True, "1", "1.50", "LABEL_2", " Good", "nan")]
    ['1', '1', '1', '1', '3/2', '2', 'good', 'nan']
    """
    text = str(label).strip().casefold().removeprefix("label_")
    if text in ("true", "false"):
        return Fraction(text == "true")
    try:
        return Fraction(float(text)) if "e" in text else Fraction(text)
    except (ValueError, OverflowError):  # also nan and inf
        return text


@dataclass(frozen=True)
class Told:
    """What a ledger says: the status of each trial, its records, and the front's objectives.

    ``size``: bytes of the whole lines, without a torn tail.
    """

    trials: dict[str, str]
    records: dict[tuple[str, int], tuple[float | None, float]]
    front: list[tuple[float, ...]]
    size: int


def told_by(data: bytes) -> Told | None:
    """Read a ledger line by line; None if it is damaged. Only some contradictions are found."""
    events, size = _whole_lines(data)
    try:
        return None if events is None else _told(events, size)
    except (KeyError, TypeError, ValueError):  # a key is missing, or of another type
        return None


def _told(events: Sequence[Mapping[str, Any]], size: int) -> Told:
    """Raises ValueError for a contradiction."""
    trials: dict[str, str] = {}
    records: dict[tuple[str, int], Mapping[str, Any]] = {}
    heads = [number for number, event in enumerate(events) if event["event"] == "sweep"]
    if heads != [0][: len(events)] or not all(map(_is_head, events[:1])):
        raise ValueError("the first event")
    for event in events:
        kind, name = event["event"], str(event.get("trial_id"))
        if kind == "trial" and name not in trials:
            trials[name] = "running"
        elif kind in ("trial", "start", "record", "decision", "lost", "end"):
            if kind == "trial" or trials.get(name) != "running":
                raise ValueError(name)
            trials[name] = event["status"] if kind == "end" else "running"
        if kind == "record":
            if not _is_record(event) or (name, event["epoch"]) in records:
                raise ValueError(name)
            records[name, event["epoch"]] = event
    front = front_of([*records.values()], events[0]["directions"] if events else {})
    values = {key: (each.get("accuracy"), each["sparsity"]) for key, each in records.items()}
    return Told(trials, values, front, size)


def _whole_lines(data: bytes) -> tuple[list[dict[str, Any]] | None, int]:
    """The events and their size; None if a line is no event, unless a power failure tore it."""
    lines = data.split(b"\n")
    if b"\0" not in lines[-1]:
        del lines[-1]
    events = [*map(_object, lines)]
    good = [*events, None].index(None)
    size = sum(len(line) + 1 for line in lines[:good])
    is_torn = any(b"\0" in line for line in lines[good : good + 1]) and len(data) - size <= 2**16
    if any(events[good:]) or (good < len(lines) and not is_torn):
        return None, size
    return [event for event in events[:good] if event is not None], size


def _object(line: bytes) -> dict[str, Any] | None:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        found = json.loads(line.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    is_event = isinstance(found, dict) and isinstance(found.get("event"), str)
    return found if is_event else None


def _is_head(event: Mapping[str, Any]) -> bool:
    return all(isinstance(event.get(key), dict) for key in ("config", "directions"))


def _is_record(event: Mapping[str, Any]) -> bool:
    numbers = [event[key] for key in ("epoch", "sparsity", "loss", "seconds")]
    numbers += [event["accuracy"]] if "accuracy" in event else []
    is_number = all(isinstance(each, int | float) for each in numbers)
    return is_number and not any(isinstance(each, bool) for each in numbers)


def front_of(records: Sequence[Mapping[str, Any]], directions: Mapping[str, str]) -> list[Any]:
    """The objectives of the records that no other one beats, sorted, each once."""
    signs = [-1 if direction == "max" else 1 for direction in directions.values()]
    points = set()
    for record in records:
        values = [record.get(name) for name in directions]
        if record["partial"] is False and None not in values:
            points.add(tuple(map(operator.mul, signs, values)))
    beaten = (any(b != a and all(map(operator.le, b, a)) for b in points) for a in points)
    return sorted(point for point, is_beaten in zip(points, beaten, strict=True) if not is_beaten)
