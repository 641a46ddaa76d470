"""Tiny models with a tokenizer of bytes, and the answers of plain transformers with them."""

from __future__ import annotations

import json
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
