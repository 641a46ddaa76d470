"""The model card: what the model scores and how sure that is, where it comes from, how to use it.

Markdown with the header that the hub reads. Every figure is from the ledger or from the export's
own checks, with its interval and what it was measured on; a validation figure is never shown as
the result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import Results
from analysis.certainty.statistics import wilson
from analysis.report.format import megabytes, number, percent, points, short, span
from sweep import __version__
from sweep.compress.quantize.layers import GRID_FILE
from sweep.config import SweepConfig
from sweep.export.export import SPARSE, Export
from sweep.export.files import ACTIVATIONS, WEIGHTS
from sweep.export.onnx import FILE as ONNX
from sweep.export.point import Point
from sweep.export.sparse import READER
from sweep.space.params import Params

MOST_ROWS = 20
"""Of the front, in the table of its points."""

ALSO = {ACTIVATIONS: "activations pruned too", GRID_FILE: "each layer's inputs rounded too"}
"""What `from_pretrained` alone leaves out, by the file that says how."""

_SPEED = """\
Zeros in a dense matrix make nothing faster: PyTorch multiplies by them as by any number, so
that this model, loaded with `from_pretrained`, takes the time and the memory of the dense one. What
its zeros bring is a smaller file to store and to send. Time is gained only by kernels made for
zeros: PyTorch's own for scattered zeros (CSR, on a CPU) was faster than a dense layer at 90 %
sparsity and above and slower at 80 % and below where we measured it (`python -m
benchmarks.zeros_speed`); those of GPUs want 2 zeros in every 4 weights. No speed-up was measured
for this model, and none is claimed."""

_COMPACT = f"""\
It gives the tensors of `{WEIGHTS}` back bit for bit: `sweep.export.sparse.load(FILE)`
reads it, and checks that by a SHA-256. Without prunesweep, with numpy and safetensors alone:

```python
{READER}```"""


def card(results: Results, config: SweepConfig, done: Export, command: str) -> str:
    """The text of README.md."""
    record = done.point.record
    parts = [
        _header(config),
        f"# {config.name}: a classifier with {percent(record['sparsity'], 1)} of its prunable "
        "weights zero",
        _about(results, done),
        "## What it scores",
        _scores(results, done),
        "## How sparse it is",
        _sparsity(done),
        "## How to load it",
        _loading(config) + _activations(done) + _onnx(done),
        "## Speed",
        _SPEED,
        "## The front that it was chosen from",
        _front(results, done),
        "## Where it comes from",
        _lineage(results, config, done, command),
        f"## The compact file, `{SPARSE}`",
        _COMPACT,
    ]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; what would end a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[short(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _header(config: SweepConfig) -> str:
    lines = ["library_name: transformers", "pipeline_tag: text-classification"]
    if config.model is not None and not Path(config.model).exists():
        lines.append(f"base_model: {json.dumps(config.model)}")
    return "\n".join(["---", *lines, "tags: [pruned, prunesweep]", "---"])


def _about(results: Results, done: Export) -> str:
    point, record = done.point, done.point.record
    on_front = _is(results.front, point).any()
    where = "A point of the Pareto front" if on_front else "A point beside the Pareto front"
    text = (
        f"{where} of the sweep `{results.name}`: trial `{point.trial_id}` after {record['epoch']} "
        f"epochs of finetuning. prunesweep {__version__} wrote it, read it back, and found it to "
        "give the trial's logits bit for bit and its recorded accuracy"
    )
    differing = done.checked.differing
    text += f", but for {differing} examples." if differing else ", example by example."
    if record.get("partial"):
        ramping = int(record["epoch"]) < Params.of(point.params).ramp_epochs
        why = "sparsity was still rising" if ramping else "learning rate was still falling"
        text += f" Its {why}: it is not what a whole trial gives."
    return text


def _is(table: pd.DataFrame, point: Point) -> pd.Series[bool]:
    """Which rows of a table are about the point."""
    found: pd.Series[bool] = (table["trial_id"] == point.trial_id) & (table["epoch"] == point.epoch)
    return found


def _scores(results: Results, done: Export) -> str:
    checked, rows = done.checked, [_row("this model", done.point.record)]
    if results.baseline is not None:
        rows.append(_row("the dense model", results.baseline))
    trials = sum(results.counts.values())
    text = (
        f"The search saw validation, and this point was chosen among {trials} trials by such "
        "figures: they flatter it."
    )
    figures, said = _tested(results, done)
    if checked.bf16:
        plain = percent(checked.plain_correct / checked.examples)
        text += (
            f" They were computed in bfloat16; in float32, as `from_pretrained` loads it, this "
            f"model answers {checked.plain_correct} of {checked.examples} right ({plain})."
        )
    return "\n\n".join([table(("", "accuracy", "95 %", "on"), rows + figures), text, said])


def _row(name: str, figures: Mapping[str, Any], on: str = "validation") -> list[str]:
    low, high = wilson(figures["correct"], figures["examples"])
    interval, told = span(float(low), float(high)), f"{on}, {figures['examples']:,} examples"
    return [name, percent(figures["accuracy"]), interval, told]


def _tested(results: Results, done: Export) -> tuple[list[list[str]], str]:
    """Rows of figures on test, and what is to be said of them."""
    table, point = results.confirmed_points, done.point
    mine = table[_is(table, point)]
    dense = results.test_baseline
    if mine.empty or dense is None:
        return [], (
            "**Not confirmed on test.** `sweep confirm` trains its settings again under fresh "
            "seeds and reads the test set."
        )
    found = mine.iloc[0]
    interval = span(found["test_accuracy_low"], found["test_accuracy_high"])
    on = f"test, {dense['examples']:,} examples, {found['seeds']} seeds"
    rows = [
        ["**these settings, trained again**", percent(found["test_accuracy"]), interval, on],
        _row("the dense model", dense, "test"),
    ]
    return rows, (
        "The figure on test is of models trained again with these settings under fresh seeds, not "
        "of these very weights: it says what such a model is worth, without the luck of the choice."
    )


def _sparsity(done: Export) -> str:
    record, files = done.point.record, done.files
    dense = files[WEIGHTS]
    smaller = f"{megabytes(files[SPARSE])} ({percent(files[SPARSE] / dense, 1)} of dense)"
    rows = [
        ["zeros / prunable weights", percent(record["sparsity"])],
        ["the same zeros / all parameters", percent(record["model_sparsity"])],
        ["non-zero parameters", number(record["nonzero_params"])],
        ["`model.safetensors` (dense)", megabytes(dense)],
        [f"`{SPARSE}`", smaller],
    ]
    if (rounded := record.get("quantized_sparsity")) is not None:
        rows.insert(3, ["zeros by quantisation / prunable weights", percent(rounded)])
    masks = (
        "`masks.safetensors` has a boolean tensor by module name (True: kept): multiply "
        "`MODULE.weight` by it after each step of further training, or start another sweep from "
        "this folder: `sweep run CONFIG model=FOLDER pruning.start_masks=keep`."
    )
    return f"{table(('', ''), rows)}{_grid(done)}\n\n{masks}"


def _grid(done: Export) -> str:
    if GRID_FILE not in done.files:
        return ""
    return (
        f"\n\n**Quantised.** The weights in `{WEIGHTS}` (with `fixed` the biases too) are floats "
        f"on the grid of `{GRID_FILE}` (scheme, bits, layers, scales), zeros of the masks among "
        "them. Packed to their bits, with a bitmap for the zeros, all parameters would take "
        f"{megabytes(done.point.record['size_bytes'])}; no file here is packed so."
    )


_LOAD = """```python
from transformers import AutoModelForSequenceClassification, AutoTokenizer

model = AutoModelForSequenceClassification.from_pretrained(FOLDER).eval()
{tokenizer}```"""

_TOKENIZER = """tokenizer = AutoTokenizer.from_pretrained(FOLDER)
batch = tokenizer({texts}, truncation=True, max_length={length}, padding=True, return_tensors="pt")
print(model(**batch).logits.softmax(-1), model.config.id2label)
"""


def _loading(config: SweepConfig) -> str:
    """Code that loads the model, with what the sweep did to its texts."""
    if config.tokenizer is None and config.model is None:
        return (
            _LOAD.format(tokenizer="").replace(", AutoTokenizer", "")
            + "\n\nIts tokens are the digits' pixels, 0 to 16, row by row: there is no tokenizer."
        )
    texts = '["a text"]' if isinstance(config.task.text, str) else '["a text"], ["its pair"]'
    code = _TOKENIZER.format(texts=texts, length=config.task.max_length)
    replaced = [f"{old!r} by {new!r}" for old, new in config.task.replace.items()]
    note = f"\n\nReplace first, as the sweep did: {', '.join(replaced)}." if replaced else ""
    return _LOAD.format(tokenizer=code) + note


def _activations(done: Export) -> str:
    checked = done.checked
    if checked.weights_correct is None:
        return ""
    share = percent(checked.weights_correct / checked.examples)
    also = [f"{what}, as `{file}` says" for file, what in ALSO.items() if file in done.files]
    return (
        "\n\nThat is the model **with its weights pruned alone**, which answers "
        f"{checked.weights_correct} of {checked.examples} validation examples right ({share}). The "
        f"figures above are with {' and '.join(also)}:"
        "\n\n```python\nfrom sweep.export.files import load_model  # prunesweep\n\n"
        "model = load_model(FOLDER)\n```"
    )


def _onnx(done: Export) -> str:
    checked = done.checked
    if checked.onnx_largest is None:
        return ""
    others = checked.onnx_differing
    told = f"all answers but {others}" if others else "the same answers"
    return (
        f"\n\n`{ONNX}` is the same model for ONNX Runtime: `input_ids` and the other inputs as "
        f"int64 (batch, tokens), `logits` (batch, labels). On the {checked.examples:,} validation "
        f"examples it gives {told}; no logit differs by more than {checked.onnx_largest:.1g}. Its "
        "zeros are stored as any other number."
    )


def _front(results: Results, done: Export) -> str:
    front, point, split = results.front, done.point, results.split
    accuracy, drop = "accuracy", "accuracy_drop"
    if split == "test":
        accuracy, drop = "test_accuracy", "test_drop"
    rows = []
    for _, row in front.head(MOST_ROWS).iterrows():
        is_this = (row["trial_id"], row["epoch"]) == (point.trial_id, point.epoch)
        rows.append(
            [
                f"**{row['trial_id']}**" if is_this else row["trial_id"],
                str(row["epoch"]),
                percent(row["sparsity"], 1),
                percent(row[accuracy]),
                span(row[f"{accuracy}_low"], row[f"{accuracy}_high"]),
                points(-row[drop]),
            ]
        )
    head = ("trial", "epoch", "sparsity", f"{split} accuracy", "95 %", "to dense (points)")
    said = "on test, means over fresh seeds" if split == "test" else "on validation, unconfirmed"
    more = f" The first {MOST_ROWS} of {len(front)} points." if len(front) > MOST_ROWS else ""
    return f"Accuracies are {said}.{more}\n\n{table(head, rows)}"


def _lineage(results: Results, config: SweepConfig, done: Export, command: str) -> str:
    point = done.point
    task = config.task
    data = task.dataset if isinstance(task.dataset, str) else task.dataset.model_dump()
    rows: list[list[str]] = [
        ["made by", f"`{command}`" if command else "-"],
        ["starts from", f"`{config.model or 'a fresh BERT'}`"],
        ["data", _plain(data)],
        ["trial, epoch, seed", f"{point.trial_id}, {point.epoch}, {point.seed}"],
        *([name, _plain(value)] for name, value in point.params.items() if value is not None),
        ["versions", _plain({"prunesweep": __version__, **results.versions})],
    ]
    return table(("", ""), rows) + (
        "\n\n`prunesweep.json` has all of it for programs: the whole config, the record, the "
        "checks, and the SHA-256 of each file."
    )


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items() if part is not None)
    return str(value)
