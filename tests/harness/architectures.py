"""Tiny classifiers of several architectures, with random weights, and their folders."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

WORDS = 100

_SPECIAL = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
_ENCODER = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
    "pad_token_id": 1,
}
_DECODER = {**_ENCODER, **_SPECIAL, "num_key_value_heads": 2}
_WIDTH = {"d_model": 16, "num_layers": 1, "num_heads": 2}
_BART = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "max_position_embeddings": 40,
}

SHAPES: dict[str, dict[str, Any]] = {
    "bert": _ENCODER,
    "roberta": {**_ENCODER, **_SPECIAL, "type_vocab_size": 1},
    "mpnet": _ENCODER,
    "camembert": {**_ENCODER, **_SPECIAL},
    "esm": {**_ENCODER, "mask_token_id": 3},
    "deberta-v2": {**_ENCODER, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "funnel": {"block_sizes": [1, 1], "d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 24},
    "longformer": {**_ENCODER, **_SPECIAL, "attention_window": 8},
    "big_bird": {**_ENCODER, **_SPECIAL, "block_size": 4, "num_random_blocks": 1},
    "fnet": {**_ENCODER, "pad_token_id": 3},
    "reformer": {"pad_token_id": 1},
    "modernbert": {**_ENCODER, **_SPECIAL, "cls_token_id": 0, "sep_token_id": 2},
    "xlnet": {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 24, "pad_token_id": 1},
    "llama": _DECODER,
    "falcon": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, **_SPECIAL},
    "bloom": {"hidden_size": 16, "n_layer": 1, "n_head": 2, **_SPECIAL},
    "opt": {
        **_DECODER,
        "ffn_dim": 24,
        "word_embed_proj_dim": 16,
    },
    "bart": {**_BART, **_SPECIAL},
    "t5": {
        **_WIDTH,
        "d_kv": 8,
        "d_ff": 24,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 0,
    },
}


def config(family: str, **settings: Any) -> Any:
    """The config of a tiny model of a family, with 100 tokens."""
    from transformers import AutoConfig

    return AutoConfig.for_model(family, vocab_size=WORDS, **{**SHAPES[family], **settings})


def make(family: str, **settings: Any) -> nn.Module:
    """A classifier of a family, always with the same weights."""
    from transformers import AutoModelForSequenceClassification

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        made: nn.Module = AutoModelForSequenceClassification.from_config(config(family, **settings))
        return made
