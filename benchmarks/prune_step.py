"""Time of a trial's prune step for every method and scope, and of its statistics.

By default it uses random weights with the shapes of bert-tiny and MiniLM-L6 and random tokens; with
``--model FOLDER --data TRAIN VALIDATION`` your own model. ``--threads`` sets the cores. *once* is
the time of the statistics, for which the first trial on each machine waits; *step* is the time of
every trial: masks and reconstruction. Last line: `prune_step_s=x.xx prune_step_cpu_s=x.xx`, wall
and CPU seconds of the slowest step.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from sweep.compress.dense.bench import Workbench
from sweep.config import SweepConfig
from sweep.registry import CRITERIA
from sweep.space.params import SCOPES, Params, is_learned

SHAPES = {
    "bert-tiny": {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2},
    "MiniLM": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12},
}
OTHERS = (
    {"granularity": "2:4"},
    {"granularity": "4:8"},
    {"layer_profile": "erk"},
    {"scope": "global", "normalise": "rms"},
)
WORDS, TOKENS, EXAMPLES = 100, 62, 160
AT_ONCE = [method for method in CRITERIA if not is_learned(method)]


def made(folder: Path, shape: dict[str, int]) -> tuple[str, list[str]]:
    """Write a random model, its tokenizer, and files of random words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = {name: i for i, name in enumerate(["[PAD]", "[UNK]", *map(str, range(WORDS))])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(folder)
    inner = 4 * shape["hidden_size"]
    config = BertConfig(vocab_size=len(words), intermediate_size=inner, num_labels=2, **shape)
    torch.manual_seed(0)
    BertForSequenceClassification(config).save_pretrained(folder)
    rng = np.random.default_rng(0)
    files = []
    for name in ("train", "validation"):
        texts = (" ".join(map(str, rng.integers(0, WORDS, TOKENS))) for _ in range(EXAMPLES))
        rows = (json.dumps({"text": text, "label": i % 2}) for i, text in enumerate(texts))
        (folder / f"{name}.jsonl").write_text("\n".join(rows))
        files.append(str(folder / f"{name}.jsonl"))
    return str(folder), files


def bench_of(model: str, files: list[str], tokens: int) -> Workbench:
    """A workbench on the CPU."""
    train, validation = files
    dataset = {"train": train, "validation": validation}
    task = {"dataset": dataset, "text": "auto", "max_length": tokens}
    plain = {"name": "prune-step", "model": model, "task": task}
    return Workbench(SweepConfig.model_validate(plain), "cpu")


def combinations(sparsity: float) -> Iterator[Params]:
    for method, scope in itertools.product(AT_ONCE, SCOPES):
        yield Params(sparsity, method, scope, finetune_epochs=0)
    for method, other in itertools.product(AT_ONCE, OTHERS):
        yield Params(**{"sparsity": sparsity, "method": method, "finetune_epochs": 0, **other})


def measure(bench: Workbench, sparsity: float) -> tuple[float, float]:
    """Print one line per combination; return wall and CPU seconds of the slowest step."""
    longest, known = (0.0, 0.0), set[str]()
    assert len(bench.task.train) and bench.dense  # loads data and model before the timing
    for params in combinations(sparsity):
        started = time.process_time()
        bench.calibration.statistics(params.method)
        once = time.process_time() - started
        trial = bench.trial(params, seed=0)
        started = time.process_time()
        trial.prune()
        step = (trial.seconds, time.process_time() - started)
        longest = max(longest, step, key=lambda seconds: seconds[1])
        how = [params.scope, params.granularity, params.normalise, params.layer_profile]
        also = "" if params.method in known else f"   once {once:.2f} s of CPU"
        known.add(params.method)
        text = f"{params.method:10} {' '.join(how):30} step {step[0]:6.2f} s, CPU {step[1]:6.2f} s"
        print(text + also, flush=True)
    return longest


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="a model's folder")
    parser.add_argument("--data", nargs=2, metavar=("TRAIN", "VALIDATION"), help="its data")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--sparsity", type=float, default=0.7)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if (given.model is None) != (given.data is None):
        parser.error("--model and --data must be given together")
    torch.set_num_threads(given.threads)
    longest = (0.0, 0.0)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["PRUNESWEEP_CACHE"] = f"{scratch}/cache"
        for name, shape in {"": {}}.items() if given.model else SHAPES.items():
            print(name or given.model)
            folder = Path(scratch) / name
            folder.mkdir(exist_ok=True)
            model, files = (given.model, given.data) if given.model else made(folder, shape)
            bench = bench_of(model, files, given.tokens)
            longest = max(longest, measure(bench, given.sparsity), key=lambda seconds: seconds[1])
    print(f"prune_step_s={longest[0]:.2f} prune_step_cpu_s={longest[1]:.2f}")


if __name__ == "__main__":
    main()
