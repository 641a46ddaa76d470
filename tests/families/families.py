"""Families of text classifiers: a tiny random model of each, with a tiny tokenizer of its class.

``FAMILIES`` has them by model type of transformers. The tokenizers are trained here on a few
sentences, so that their padding side, token types and special tokens are those of the real class.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tests.harness import tiny

LABELS = 2

_BERT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 66,
}
_SMALL = _BERT | {"embedding_size": 16}
_GPT = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}
_LLAMA = _BERT | {"num_key_value_heads": 1}
_T5 = {
    "d_model": 32,
    "d_kv": 16,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 2,
    "decoder_start_token_id": 0,
}
_BART = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 64,
}


@dataclass(frozen=True)
class Family:
    """A model type, the class of its tokenizer and settings of it, and the shape of its config."""

    name: str
    tokenizer: str
    shape: dict[str, Any]
    tokenizer_settings: dict[str, Any] = field(default_factory=dict)


_RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 16}
_FUNNEL = {"block_sizes": [1, 1], "d_head": 16, "num_decoder_layers": 1}
_WIDTHS = {"dim": 32, "hidden_dim": 48}
_LEFT = {"padding_side": "left"}

_ALL = (
    Family("bert", "BertTokenizer", _BERT),
    Family("roberta", "RobertaTokenizer", _BERT),
    Family(
        "distilbert", "BertTokenizer", {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 48}
    ),
    Family("albert", "AlbertTokenizer", _SMALL),
    Family("electra", "BertTokenizer", _SMALL),
    Family("deberta", "DebertaTokenizer", _BERT | _RELATIVE),
    Family("deberta-v2", "DebertaV2Tokenizer", _BERT | _RELATIVE | {"share_att_key": True}),
    Family("mpnet", "MPNetTokenizer", _BERT),
    Family("mobilebert", "MobileBertTokenizer", _SMALL | {"intra_bottleneck_size": 16}),
    Family("squeezebert", "BertTokenizer", _BERT | {"embedding_size": 32}),
    Family("convbert", "BertTokenizer", _SMALL | {"conv_kernel_size": 3, "num_attention_heads": 4}),
    Family("longformer", "RobertaTokenizer", _BERT | {"attention_window": 8}),
    Family("big_bird", "BigBirdTokenizer", _BERT | {"block_size": 16, "num_random_blocks": 1}),
    Family("funnel", "FunnelTokenizer", {"d_model": 32, "n_head": 2, "d_inner": 48} | _FUNNEL),
    Family("xlnet", "XLNetTokenizer", {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 48}),
    Family("modernbert", "BertTokenizer", _BERT | {"local_attention": 8}),
    Family("xlm-roberta", "XLMRobertaTokenizer", _BERT),
    Family("camembert", "CamembertTokenizer", _BERT),
    Family("rembert", "RemBertTokenizer", _BERT | {"input_embedding_size": 16}),
    Family("ernie", "BertTokenizer", _BERT),
    Family("roformer", "BertTokenizer", _SMALL),
    Family("ibert", "RobertaTokenizer", _BERT),
    Family("fnet", "FNetTokenizer", _BERT),
    Family("gpt2", "GPT2Tokenizer", _GPT),
    Family("openai-gpt", "OpenAIGPTTokenizer", _GPT),
    Family("gpt_bigcode", "GPT2Tokenizer", _GPT),
    Family("gpt_neox", "GPTNeoXTokenizer", _BERT),
    Family("opt", "GPT2Tokenizer", _LLAMA | {"ffn_dim": 48, "word_embed_proj_dim": 32}),
    Family("bloom", "GPT2Tokenizer", {"hidden_size": 32, "n_layer": 2, "n_head": 2}, _LEFT),
    Family("falcon", "GPT2Tokenizer", _LLAMA),
    Family("llama", "LlamaTokenizer", _LLAMA),
    Family("mistral", "LlamaTokenizer", _LLAMA),
    Family(
        "mixtral", "LlamaTokenizer", _LLAMA | {"num_local_experts": 2, "num_experts_per_tok": 1}
    ),
    Family("qwen2", "Qwen2Tokenizer", _LLAMA),
    Family("qwen3", "Qwen2Tokenizer", _LLAMA | {"head_dim": 16}),
    Family("gemma", "GemmaTokenizer", _LLAMA | {"head_dim": 16}),
    Family("t5", "T5Tokenizer", _T5),
    Family("umt5", "T5Tokenizer", _T5),
    Family("bart", "RobertaTokenizer", _BART),
    Family("mbart", "MBartTokenizer", _BART),
)

FAMILIES = {family.name: family for family in _ALL}


def sentences(count: int = 400) -> list[str]:
    return [row["text"] for row in tiny.rows(count, seed=9)]


def tokenizer(family: Family) -> Any:
    """Train a tokenizer of the family's class on a few sentences."""
    import transformers

    start = getattr(transformers, family.tokenizer)(**family.tokenizer_settings)
    return start.train_new_from_iterator(sentences(), 300)


def save(family: Family, folder: Path) -> Path:
    """Save a model with large random weights and its tokenizer, with transformers alone."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    words = tokenizer(family)
    names = ("pad_token_id", "bos_token_id", "eos_token_id")
    special = {name: getattr(words, name) for name in names}
    config = AutoConfig.for_model(family.name, vocab_size=len(words), **special, **family.shape)
    config.id2label = {label: str(label) for label in range(LABELS)}
    config.label2id = {str(label): label for label in range(LABELS)}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(7)
        model: Any = AutoModelForSequenceClassification.from_config(config)
        for name, weight in model.named_parameters():
            if weight.dim() > 1:  # so that the answers differ between sentences
                weight.mul_(8.0 if name.startswith(("classifier", "score")) else 4.0)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
