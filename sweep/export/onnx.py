"""Export the model as an ONNX graph. Needs the optional extra ``onnx``."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sweep.compress.dense.bench import Workbench
from sweep.compress.train import inputs_of
from sweep.errors import UsageError, first_line
from sweep.export.checks import SPLIT, Logits

FILE = "model.onnx"
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
INPUTS = ("input_ids", "attention_mask", "token_type_ids")

_COLOURS = re.compile(r"\x1b\[[\d;]*m")

_LARGEST = 1_500_000_000  # bytes of weights in one protobuf file, whose limit is 2 GB


def check(params: Mapping[str, Any]) -> None:
    """Raise :class:`~sweep.errors.UsageError` if a package of the extra is missing, or if the graph
    cannot represent the model of a trial of ``params``.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"--onnx needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed: pip install 'prunesweep[onnx]'"
        )
    if params.get("activation_sparsity"):
        raise UsageError("--onnx: this trial prunes activations, which an ONNX file cannot hold")


class _Classifier(nn.Module):
    """The model with positional inputs and the logits as its only output."""

    def __init__(self, model: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs: Tensor) -> Tensor:
        logits: Tensor = self.model(**dict(zip(self.names, inputs, strict=True))).logits
        return logits


def write_onnx(model: nn.Module, bench: Workbench, folder: Path) -> None:
    """Write ``model.onnx``: ids (batch, tokens) to logits (batch, labels), any sizes.

    Raises :class:`~sweep.errors.UsageError` if PyTorch cannot export the model.
    """
    known = inputs_of(type(model))  # type: ignore[arg-type]  # classes are hashable
    batch = bench.task.split(SPLIT).batch(np.arange(2))
    names = [name for name in INPUTS if name in known and name in batch]
    given = tuple(torch.from_numpy(batch[name]) for name in names)
    sizes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    weight = sum(part.numel() * part.element_size() for part in model.parameters())
    # The warnings of the exporter are for developers of models.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"), _one_sentence("PyTorch cannot export"):
        torch.onnx.export(
            _Classifier(model, names).eval(),
            given,
            folder / FILE,
            input_names=names,
            output_names=["logits"],
            dynamic_shapes={"inputs": tuple(sizes for _ in names)},
            external_data=weight > _LARGEST,
            verbose=False,
        )


def onnx_logits(folder: Path, bench: Workbench) -> Logits:
    """The logits of the validation examples (examples, labels) from ONNX Runtime on the CPU.

    Raises :class:`~sweep.errors.UsageError` if ONNX Runtime cannot run the graph.
    """
    import onnxruntime

    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    split = bench.task.split(SPLIT)
    places, found = list(split.in_order(bench.config.recover.eval_batch_size)), []
    with _one_sentence("ONNX Runtime cannot run"):
        session: Any = onnxruntime.InferenceSession(
            folder / FILE, options, providers=["CPUExecutionProvider"]
        )
        names = [node.name for node in session.get_inputs()]
        for batch in map(split.batch, places):
            found.append(session.run(["logits"], {name: batch[name] for name in names})[0])
    together: Logits = np.concatenate(found)[np.argsort(np.concatenate(places))]
    return together


@contextmanager
def _one_sentence(what: str) -> Iterator[None]:
    """Turn any error of the block into a :class:`~sweep.errors.UsageError` of one line."""
    try:
        yield
    except Exception as error:  # the libraries raise many kinds, with pages of text
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = _COLOURS.sub("", first_line(cause))[:200]
        raise UsageError(
            f"--onnx: {what} this model as an ONNX graph ({reason}): nothing was exported; leave "
            "out --onnx"
        ) from error
