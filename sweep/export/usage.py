"""What a card says whatever the figures: how to load a model, what zeros bring, a file's form."""

from __future__ import annotations

from sweep.config import SweepConfig

_LOAD = """```python
from transformers import AutoModelForSequenceClassification, AutoTokenizer

model = AutoModelForSequenceClassification.from_pretrained(FOLDER).eval()
{tokenizer}```"""

_TOKENIZER = """tokenizer = AutoTokenizer.from_pretrained(FOLDER)
batch = tokenizer({texts}, truncation=True, max_length={length}, padding=True, return_tensors="pt")
print(model(**batch).logits.softmax(-1), model.config.id2label)
"""

_SPEED = """\
Zeros in a dense matrix make nothing faster: PyTorch multiplies by them as by any number, so
that this model, loaded with `from_pretrained`, takes the time and the memory of the dense one. What
its zeros bring is a smaller file to store and to send. Time is gained only by kernels made for
zeros: PyTorch's own for scattered zeros (CSR, on a CPU) was faster than a dense layer at 90 %
sparsity and above and slower at 80 % and below where we measured it (`python -m
benchmarks.zeros_speed`); those of GPUs want 2 zeros in every 4 weights. No speed-up was measured
for this model, and none is claimed."""

_SPARSE = """\
It gives the tensors of `model.safetensors` back bit for bit: `sweep.export.sparse.load(FILE)`
reads it, and checks that by a SHA-256. Without prunesweep, with numpy and safetensors alone:

```python
import json, math, zlib
import numpy as np
from safetensors import safe_open

def load_sparse(path):
    with safe_open(path, framework="numpy") as file:
        about, parts = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}
    for key, (kind, count) in json.loads(about["planes"]).items():  # bytes, the highest deflated
        high = np.frombuffer(zlib.decompress(parts[f"high/{key}"].tobytes()), np.uint8)
        planes = np.vstack([parts[f"low/{key}"].reshape(-1, count), high])
        parts[key] = np.ascontiguousarray(planes.T).view(kind).reshape(-1)
    tensors = {}
    for name, shape in json.loads(about["shapes"]).items():
        flat = parts.get(f"dense/{name}")
        if flat is None:  # a bit a value, and the values that are not zero
            values, bits = parts[f"values/{name}"], parts[f"bitmask/{name}"]
            flat = np.zeros(math.prod(shape), values.dtype)
            flat[np.unpackbits(bits, count=flat.size).astype(bool)] = values
        tensors[name] = flat.reshape(shape)
    return tensors
```"""


def loading(config: SweepConfig) -> str:
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


def speed() -> str:
    """Honest words (`python -m benchmarks.zeros_speed` measures them)."""
    return _SPEED


def reading_sparse() -> str:
    """How to read the compact file with and without this project."""
    return _SPARSE
