"""What a model folder or hub id holds, checked before its weights are read.

Accepted are text classifiers, and models without a classifier head that can get one. All else is
refused with a sentence on what was found and what to do.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sweep.compress.tasks.encode import is_missing_folder
from sweep.errors import UsageError, first_line

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")

_OTHER = re.compile(r"For(?!SequenceClassification|MaskedLM|PreTraining)[A-Z]\w+$|LMHeadModel$")


def read_config(name: str, setting: str = "model") -> Any:
    """Return transformers' config of the text model in a folder or on the hub.

    No remote code runs. ``setting`` is the config setting for messages. Raises
    :class:`~sweep.errors.UsageError` if there is no such model, if its files are incomplete,
    damaged or of another format, or if transformers has no text classifier of its type.
    """
    from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig

    what = f"{setting} {name!r}"
    if is_missing_folder(name):
        raise UsageError(f"model folder not found: {name} (set by {setting})")
    if Path(name).is_file():
        raise UsageError(f"{what} is a file; allowed: a folder with config.json, or a hub id")
    if Path(name).is_dir() and (why := _lacking(os.listdir(name), Path(name))):
        raise UsageError(f"{what} {why}")
    try:
        content, _ = PreTrainedConfig.get_config_dict(name)
        if content.get("model_type") in CONFIG_MAPPING:
            config = AutoConfig.from_pretrained(name, trust_remote_code=False)
    except Exception as error:  # the library raises many kinds, all of them about this model
        raise unreadable(name, what, error) from error
    if content.get("model_type") not in CONFIG_MAPPING:
        raise UsageError(f"{what} {_lacking_on_hub(name) or _unknown(content)}")
    names = config.architectures
    if not (names is None or (isinstance(names, list) and all(isinstance(n, str) for n in names))):
        raise UsageError(
            f"{what} is damaged: architectures in config.json is {json.dumps(names)}; allowed: a "
            "list of names of classes, or null"
        )
    _check_kind(what, config)
    if not config.architectures and "id2label" in content:  # a classifier that does not say so
        config.architectures = ["AutoModelForSequenceClassification"]
    return config


def unreadable(name: str, what: str, error: Exception) -> UsageError:
    """Return the error of a model that transformers could not load, with the reason if known."""
    again = "; if its files are damaged, save or download it again"
    found = _lacking_on_hub(name) or f"cannot be loaded: {first_line(error)}{again}"
    return UsageError(f"{what} {found}")


def has_head(config: Any) -> bool:
    """Whether a checkpoint was saved as a classifier, that is, has a trained head."""
    return any("SequenceClassification" in name for name in config.architectures or [])


def other_head(config: Any) -> str | None:
    """Return the class of a model that was finished for another task, or None.

    It is None for classifiers, for heads of pretraining (masked words), and without a head.
    """
    names = [] if has_head(config) else config.architectures or []
    return next(filter(_OTHER.search, names), None)


def check_head(what: str, config: Any) -> None:
    """Raise :class:`~sweep.errors.UsageError` if a trained head does not give a label per text."""
    kind = config.problem_type
    if kind == "multi_label_classification":
        found = f"several labels per text (problem_type {kind})"
    elif kind == "regression" or config.num_labels == 1:
        found = "a number per text (a regression: one output, no classes)"
    elif sorted(config.id2label) != list(range(config.num_labels)):
        raise UsageError(
            f"{what} names the labels {json.dumps(config.id2label)} (id2label in config.json); "
            f"allowed: a name for each number from 0 to {config.num_labels - 1}"
        )
    else:
        return
    raise UsageError(
        f"{what} is a {config.architectures[0]} that gives {found}; allowed: a classifier with one "
        "label per text; to replace this head, set baseline.new_head=true and baseline.epochs"
    )


def warnings_of_model(name: str) -> list[str]:
    """Return what a reader of figures needs to know of a model's files, a sentence each."""
    config, found = read_config(name), []
    dtype = str(config.dtype).removeprefix("torch.")
    if dtype not in ("None", "float32"):
        found.append(
            f"the weights of {name} are {dtype}: they are loaded, trained and exported as float32"
        )
    if getattr(config, "attention_type", None) == "block_sparse":
        found.append(
            f"{name} has block-sparse attention, which replaces its own modules by the length of a "
            "batch: full attention is used, and exported"
        )
    other = other_head(config)
    if other and not re.search("LM|Generation", other):  # a decoder is a usual base
        found.append(f"{name} is a {other}: its head is dropped, and a new one is made")
    if getattr(config, "auto_map", None):
        found.append(
            f"{name} names code of its own (auto_map), which never runs: the model type "
            f"{config.model_type} of transformers is used"
        )
    return found


def _lacking(files: Collection[str], folder: Path | None = None) -> str | None:
    """Return what a folder or repository with these files lacks, and what to do, or None."""
    if "adapter_config.json" in files:
        return (
            "is a LoRA or another adapter of PEFT (adapter_config.json), not a model: merge it by "
            "`PeftModel.from_pretrained(base, FOLDER).merge_and_unload().save_pretrained(NEW)`"
        )
    if "config.json" not in files:
        inside = ", ".join(sorted(files)[:3]) or "nothing"
        below = sorted(path.parent for path in folder.glob("*/config.json")) if folder else []
        hint = f"; did you mean {below[-1]}?" if below else ""
        return f"has no config.json, which `save_pretrained` writes; it has {inside}{hint}"
    if set(WEIGHTS).isdisjoint(files):
        others = [file for file in sorted(files) if not file.endswith((".json", ".txt", ".md"))]
        found = ", ".join(others[:3]) or "none"
        return (
            f"has no weights: it needs {WEIGHTS[0]}, and has {found}. Other formats are never "
            "read, and pickles can run code; to convert weights that you trust, use "
            "`from_pretrained(FOLDER, OPTION).save_pretrained(NEW)`. OPTION is "
            "use_safetensors=False (pickles), gguf_file=FILE, or in transformers 4 from_tf=True or "
            "from_flax=True"
        )
    return None


def _lacking_on_hub(name: str) -> str | None:
    """Return what a repository lacks; None for a folder, and if the hub does not answer."""
    from huggingface_hub import list_repo_files

    if Path(name).exists():
        return None
    try:
        return _lacking(list_repo_files(name))
    except Exception:  # offline, no such repository, no right to read it: the caller has an error
        return None


def _unknown(content: dict[str, Any]) -> str:
    """Return why a config.json without a model type of transformers cannot be used."""
    from transformers import __version__

    kind, needed = content.get("model_type"), f"a model type of transformers {__version__}"
    if content.get("auto_map"):
        return f"needs code of its own (auto_map, {kind}), which never runs; allowed: {needed}"
    if kind is None:
        return "has no model_type in config.json: copy config.json from the original model"
    return f"has the model type {kind!r}; allowed: {needed}"


def _check_kind(what: str, config: Any) -> None:
    """Refuse models that cannot classify texts, or not in batches of several lengths."""
    from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING as CLASSIFIERS

    kind, named = config.model_type, (config.architectures or ["a model"])[0]
    forward = CLASSIFIERS[type(config)].forward if type(config) in CLASSIFIERS else len
    if "input_ids" not in inspect.signature(forward).parameters:
        raise UsageError(
            f"{what} holds {named} (model type {kind}), which does not classify texts: allowed are "
            "text models that transformers has a sequence classifier for, such as bert or llama"
        )
    if getattr(config, "quantization_config", None):
        raise UsageError(
            f"{what} is quantised ({named}, quantization_config): pruning needs its weights as "
            "floats; use the model that it was made from"
        )
