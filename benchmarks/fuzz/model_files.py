"""Mutations of the files in a model folder: weights, the tokenizer, and files of other kinds."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.fuzz.yaml_text import damaged, flipped

WEIGHTS = "model.safetensors"


def _tensors(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / WEIGHTS))


def _save(folder: Path, tensors: dict[str, Any], name: str = WEIGHTS) -> None:
    from safetensors.torch import save_file

    save_file(tensors, folder / name, metadata={"format": "pt"})


def _json_damaged(rng: random.Random, folder: Path) -> None:
    file = folder / rng.choice(("config.json", "tokenizer.json", "tokenizer_config.json"))
    file.write_bytes(damaged(rng, file.read_bytes()))


def _weights_damaged(rng: random.Random, folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    head = data[: 8 + int.from_bytes(data[:8], "little")]
    forms = (data[:8], data[:-1], head, flipped(rng, head) + data[len(head) :])
    (folder / WEIGHTS).write_bytes(damaged(rng, data, *forms))


def _tensor_gone(rng: random.Random, folder: Path) -> None:
    tensors = _tensors(folder)
    for name in rng.sample(sorted(tensors), rng.randint(1, 3)):
        del tensors[name]
    _save(folder, tensors)


def _tensor_renamed(rng: random.Random, folder: Path) -> None:
    tensors = _tensors(folder)
    name = rng.choice(sorted(tensors))
    prefix = name.partition(".")[0] + "."
    changes: tuple[Callable[[str], str], ...] = (
        lambda each: f"model.{each}",
        lambda each: f"module.{each}",
        lambda each: each.removeprefix(prefix),
        lambda each: each.replace("weight", "gamma").replace("bias", "beta"),
        lambda each: f"{each}.x" if each == name else each,
        lambda each: each.replace("layer.0", "layer.5"),
        lambda each: each.replace("classifier", "score"),
    )
    change = rng.choice(changes)
    _save(folder, {change(each): value for each, value in tensors.items()})


def _tensor_added(rng: random.Random, folder: Path) -> None:
    import torch

    names = (
        "more.weight",
        "classifier.weight_mask",
        "bert.embeddings.position_ids",
        "lm_head.weight",
    )
    _save(folder, {**_tensors(folder), rng.choice(names): torch.ones(3, 3)})


def _types(rng: random.Random, folder: Path) -> None:
    import torch

    kinds = (torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.int64, torch.bool)
    kind, one = rng.choice((*kinds[:3], *kinds)), rng.random() < 0.3
    tensors = _tensors(folder)
    name = rng.choice(sorted(tensors))
    _save(folder, {n: v.to(kind) if n == name or not one else v for n, v in tensors.items()})


def _shapes(rng: random.Random, folder: Path) -> None:
    tensors = _tensors(folder)
    name = rng.choice(sorted(name for name, value in tensors.items() if value.dim()))
    value = tensors[name]
    changes = (
        value[:-1],
        value[None],
        value.flatten(),
        value[:1],
        value.T if value.dim() == 2 else value[:0],
    )
    _save(folder, {**tensors, name: rng.choice(changes).contiguous().clone()})


def _not_finite(rng: random.Random, folder: Path) -> None:
    tensors = _tensors(folder)
    names = sorted(name for name, value in tensors.items() if value.is_floating_point())
    name, bad = rng.choice(names), rng.choice(("nan", "inf", "-inf", "1e38"))
    value = tensors[name].clone()
    value.view(-1)[rng.randrange(value.numel())] = float(bad)
    _save(folder, {**tensors, name: value})


def _sharded(rng: random.Random, folder: Path) -> None:
    tensors = _tensors(folder)
    parts = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(tensors)}
    for file in {*parts.values()}:
        _save(folder, {name: tensors[name] for name in tensors if parts[name] == file}, file)
    (folder / WEIGHTS).unlink()
    index = {"metadata": {}, "weight_map": parts}
    change = rng.choice(("none", "none", "gone", "one less", "not json", "unknown"))
    if change == "gone":
        (folder / "model-00002-of-00002.safetensors").unlink()
    if change == "one less":
        del index["weight_map"][rng.choice(sorted(parts))]
    if change == "unknown":
        index["weight_map"]["x.weight"] = "model-00003-of-00002.safetensors"
    text = "{" if change == "not json" else json.dumps(index)
    (folder / "model.safetensors.index.json").write_text(text)


def _other_weights(rng: random.Random, folder: Path) -> None:
    import torch

    tensors = _tensors(folder)
    name = rng.choice(
        (
            *("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "model.onnx", "model.gguf"),
            *("weights.safetensors", "model.pt", "adapter_model.safetensors", "nothing"),
        )
    )
    if rng.random() < 0.8:
        (folder / WEIGHTS).unlink()
    if name.endswith((".bin", ".pt")):
        torch.save(tensors, folder / name)
    elif name.endswith(".safetensors"):
        _save(folder, tensors, name)
    elif name != "nothing":
        (folder / name).write_bytes(b"x" * 100)


def _adapter(rng: random.Random, folder: Path) -> None:
    told = {"peft_type": "LORA", "base_model_name_or_path": "x/y", "r": 4, "task_type": "SEQ_CLS"}
    (folder / "adapter_config.json").write_text(json.dumps(told))
    for name in ("config.json", WEIGHTS) if rng.random() < 0.7 else ():
        (folder / name).unlink()


def _other_head(rng: random.Random, folder: Path) -> None:
    import torch
    from transformers import AutoConfig
    from transformers import models as families

    kinds = ("TokenClassification", "QuestionAnswering", "MaskedLM", "MultipleChoice")
    config = AutoConfig.from_pretrained(folder)
    family = {"bert": "Bert", "electra": "Electra", "roberta": "Roberta"}.get(config.model_type)
    if family is None:
        (folder / "config.json").write_text(json.dumps({"model_type": "vit"}))
        return
    kind = getattr(families, f"{family}For{rng.choice(kinds)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        kind(config).save_pretrained(folder)


def _tokenizer_file(rng: random.Random, folder: Path) -> None:
    names = ("tokenizer.json", "tokenizer_config.json", "both", "special_tokens_map.json")
    name = rng.choice(names)
    for each in ("tokenizer.json", "tokenizer_config.json") if name == "both" else (name,):
        (folder / each).unlink(missing_ok=True)


def _tokenizer_changed(rng: random.Random, folder: Path) -> None:
    file = folder / "tokenizer_config.json"
    content = json.loads(file.read_text())
    changes: tuple[dict[str, Any], ...] = (
        *({"padding_side": "left"}, {"truncation_side": "left"}, {"model_max_length": 8}),
        *({"pad_token": None}, {"pad_token": "<unk>"}, {"pad_token": "a"}, {"pad_token": 5}),
        *(
            {"tokenizer_class": "BertTokenizer"},
            {"tokenizer_class": "X"},
            {"tokenizer_class": None},
        ),
        *({"model_input_names": ["input_ids"]}, {"padding_side": "both"}, {"do_lower_case": True}),
        *(
            {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]},
            {"unk_token": None},
        ),
        *(
            {"add_bos_token": True},
            {"bos_token": "<new>"},
            {"auto_map": {"AutoTokenizer": ["x.X", None]}},
        ),
    )
    file.write_text(json.dumps({**content, **rng.choice(changes)}))


def _tokenizer_grown(rng: random.Random, folder: Path) -> None:
    """More tokens than the model knows, other ids, or tokens that texts do not have."""
    file = folder / "tokenizer.json"
    content = json.loads(file.read_text())
    vocabulary = content["model"]["vocab"]
    change = rng.choice(("more", "far", "swap", "few", "merge"))
    if change == "more":
        vocabulary |= {f"x{i}": len(vocabulary) + i for i in range(5)}
    if change == "far":
        vocabulary["g"] = 10**6
    if change == "swap":
        vocabulary["a"], vocabulary["o"] = vocabulary["o"], vocabulary["a"]
    if change == "few":
        content["model"]["vocab"] = {k: v for k, v in vocabulary.items() if v % 2 or v > 255}
    if change == "merge":
        content["model"]["merges"] = [["o", "o"]]
    file.write_text(json.dumps(content))


def _files(rng: random.Random, folder: Path) -> None:
    def link(name: str) -> None:
        shutil.move(folder / name, folder.parent / name)
        (folder / name).symlink_to(folder.parent / name)

    changes: tuple[Callable[[], object], ...] = (
        lambda: (folder / "config.json").unlink(),
        lambda: (folder / WEIGHTS).unlink(),
        lambda: [path.unlink() for path in folder.iterdir()],
        lambda: shutil.rmtree(folder),
        lambda: (shutil.rmtree(folder), folder.write_bytes(b"")),
        lambda: link(WEIGHTS),
        lambda: (shutil.move(folder, f"{folder}2"), folder.symlink_to(f"{folder}2")),
        lambda: (folder / "config.json").rename(folder / "CONFIG.JSON"),
        lambda: (
            shutil.move(folder, f"{folder}2"),
            folder.mkdir(),
            shutil.move(f"{folder}2", folder),
        ),
        lambda: ((folder / "config.json").unlink(), (folder / "config.json").mkdir()),
        lambda: ((folder / WEIGHTS).unlink(), os.mkfifo(folder / "pipe")),
        lambda: (folder / "masks.safetensors").write_bytes(b"x"),
        lambda: (folder / "modeling_x.py").write_text("raise SystemExit(9)"),
    )
    rng.choice(changes)()


FILES: dict[str, Callable[[random.Random, Path], None]] = {
    "JSON damaged": _json_damaged,
    "weights damaged": _weights_damaged,
    "weight gone": _tensor_gone,
    "weight renamed": _tensor_renamed,
    "weight added": _tensor_added,
    "types of weights": _types,
    "shapes of weights": _shapes,
    "weights not finite": _not_finite,
    "shards": _sharded,
    "other formats": _other_weights,
    "adapter": _adapter,
    "head of another task": _other_head,
    "tokenizer file gone": _tokenizer_file,
    "tokenizer settings": _tokenizer_changed,
    "tokens": _tokenizer_grown,
    "files": _files,
}
