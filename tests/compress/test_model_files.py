"""Model folders of the wrong kind: a sentence says what was found and what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sweep.compress.model_files import has_head, other_head, read_config, warnings_of_model
from sweep.compress.models import head_names
from sweep.errors import UsageError
from tests.harness import architectures, tiny
from tests.harness.hub import hub


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the model folder that a test may change."""
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def change(folder: Path, **settings: Any) -> None:
    """Change settings in config.json; None removes one."""
    content = json.loads((folder / "config.json").read_text()) | settings
    kept = {name: value for name, value in content.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


def with_weights(name: str) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / name)

    return replace


def adapter(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def below(folder: Path) -> None:
    inner = folder / "checkpoint-500"
    inner.mkdir()
    (folder / "config.json").rename(inner / "config.json")


def listed(folder: Path) -> None:
    (folder / "config.json").write_text("[1, 2]")


WRONG: list[tuple[Callable[[Path], object], str]] = [
    (adapter, r"is a LoRA or another adapter of PEFT .*merge_and_unload"),
    (with_weights("pytorch_model.bin"), r"needs model\.safetensors, and has pytorch_model\.bin"),
    (with_weights("tf_model.h5"), "has tf_model.h5.*in transformers 4 from_tf=True"),
    (with_weights("flax_model.msgpack"), "has flax_model.msgpack.*from_flax=True"),
    (with_weights("model-q4.gguf"), "has model-q4.gguf.*gguf_file"),
    (with_weights("notes.txt"), "and has none"),
    (empty, r"has no config\.json.*it has nothing"),
    (below, r"has no config\.json.*did you mean .*checkpoint-500\?"),
    (listed, r"cannot be loaded: .*; if its files are damaged"),
    (lambda folder: change(folder, model_type=None), "has no model_type in config.json.*copy"),
    (
        lambda folder: change(folder, model_type="brt"),
        "model type 'brt'; allowed: a model type of transformers 5",
    ),
    (
        lambda folder: change(folder, model_type="own", auto_map={"AutoModel": "own.Own"}),
        r"needs code of its own \(auto_map, own\), which never runs",
    ),
    (lambda folder: change(folder, model_type="vit"), r"model type vit\), which does not classify"),
    (lambda folder: change(folder, model_type="wav2vec2"), r"wav2vec2\), which does not classify"),
    (lambda folder: change(folder, quantization_config={"bits": 4}), "is quantised"),
]


@pytest.mark.parametrize(("damage", "message"), WRONG)
def test_a_folder_of_another_kind_is_refused(
    folder: Path, damage: Callable[[Path], object], message: str
) -> None:
    read_config(str(folder))
    damage(folder)
    with pytest.raises(UsageError, match=message) as refusal:
        read_config(str(folder))
    assert "\n" not in str(refusal.value)


def test_a_classifier_may_leave_out_its_class(folder: Path) -> None:
    change(folder, architectures=None)
    assert not has_head(read_config(str(folder)))
    change(folder, id2label={"0": "bad", "1": "good"})
    assert has_head(read_config(str(folder)))


def test_a_file_is_no_model(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"model\.safetensors' is a file; allowed: a folder"):
        read_config(str(folder / "model.safetensors"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"problem_type": "multi_label_classification"}, "several labels per text.*new_head"),
        ({"problem_type": "regression"}, "a number per text"),
        ({"num_labels": 1}, "a number per text"),
    ],
)
def test_a_head_without_one_label_per_text_is_refused(
    settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    tiny.save(tmp_path, **({"labels": 1} if "num_labels" in settings else settings))
    with pytest.raises(UsageError, match=f"BertForSequenceClassification that gives {message}"):
        head_names(str(tmp_path))


def test_labels_without_a_name_for_each_number_are_refused(folder: Path) -> None:
    change(folder, id2label={"0": "a", "2": "b"})
    with pytest.raises(UsageError, match="allowed: a name for each number from 0 to 1"):
        head_names(str(folder))


@pytest.mark.parametrize("names", [True, "Bert", [5]])
def test_architectures_that_are_no_names_are_refused(folder: Path, names: Any) -> None:
    change(folder, architectures=names)
    with pytest.raises(UsageError, match=r"architectures in config\.json is .*; allowed: a list"):
        read_config(str(folder))


@pytest.mark.parametrize(
    ("name", "finished"),
    [
        ("RobertaForTokenClassification", True),
        ("BertForQuestionAnswering", True),
        ("GPT2LMHeadModel", True),
        ("LlamaForCausalLM", True),
        ("T5ForConditionalGeneration", True),
        ("BertForMultipleChoice", True),
        ("BertForMaskedLM", False),
        ("BertForPreTraining", False),
        ("XLMRobertaModel", False),
        ("BertForSequenceClassification", False),
    ],
)
def test_models_that_were_finished_for_another_task_are_known(name: str, finished: bool) -> None:
    config = architectures.config("bert", architectures=[name])
    assert other_head(config) == (name if finished else None)
    assert has_head(config) == (name == "BertForSequenceClassification")


def test_what_is_not_used_as_it_is_gives_a_warning(tmp_path: Path) -> None:
    assert warnings_of_model(str(tiny.save(tmp_path / "plain"))) == []
    model = architectures.make("big_bird").to(torch.bfloat16)
    model.save_pretrained(tmp_path / "bird")  # type: ignore[operator]
    change(
        tmp_path / "bird",
        architectures=["BigBirdForQuestionAnswering"],
        auto_map={"AutoModel": "m.M"},
    )
    dtype, attention, head, code = warnings_of_model(str(tmp_path / "bird"))
    assert "are bfloat16: they are loaded, trained and exported as float32" in dtype
    assert "block-sparse" in attention and "full attention is used" in attention
    assert "BigBirdForQuestionAnswering: its head is dropped" in head
    assert "auto_map" in code


LOAD = """
from sweep.compress.models import load_classifier
from sweep.errors import UsageError
for name in ("me/lora", "me/pickles", "me/nothing"):
    try:
        load_classifier(name, "ab", 10, 8)
    except UsageError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_repository_of_another_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    models = tmp_path / "hub" / "models" / "me"
    shutil.copytree(folder, models / "lora")
    shutil.copytree(folder, models / "pickles")
    adapter(models / "lora")
    with_weights("pytorch_model.bin")(models / "pickles")
    with hub(tmp_path / "hub") as served:
        done = served.run(tmp_path / "home", "-c", LOAD)
    lora, pickles, nothing = done.stdout.splitlines()
    assert "'me/lora' is a LoRA or another adapter of PEFT" in lora
    assert "'me/pickles' has no weights: it needs model.safetensors, and has pyt" in pickles
    assert "'me/nothing' cannot be loaded: " in nothing
