"""The columns of the tables with their order and types, which empty tables have too.

Names of columns contain the name of the primary metric. The columns of :func:`contract` are a
public contract: their names and order do not change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Literal

import numpy as np
import pandas as pd

from sweep.ledger.metric import PrimaryMetric

Kind = Literal["text", "int", "float", "bool", "list"]
Kinds = dict[str, Kind]
Split = Literal["validation", "test"]


def of(kind: Kind, *names: str) -> Kinds:
    """Columns of one kind, in order."""
    return dict.fromkeys(names, kind)


def contract(metric: PrimaryMetric) -> Kinds:
    """The first columns of records and trials."""
    return (
        of("text", "trial_id", "status", "stage")
        | of("int", "epoch")
        | of("bool", "partial")
        | of("float", metric.name, "loss", "sparsity", "model_sparsity")
        | of("int", "nonzero_params", "size_bytes")
        | of("float", metric.baseline, metric.drop, "seconds", "train_seconds", "eval_seconds")
        | of("int", "seed")
        | of("text", "error")
    )


PARAMS = (
    of("float", "sparsity")
    | of("text", "method", "scope")
    | of("int", "finetune_epochs")
    | of("float", "learning_rate", "activation_sparsity")
    | of("text", "activation_method", "activation_scope")
    | of("int", "ramp_epochs")
    | of("float", "distill_weight", "distill_temperature")
    | of("text", "quantization")
)
EXTRA = (
    of("int", "correct", "examples")
    | of("float", "time")
    | of("text", "worker")
    | of("int", "attempt")
    # Prunable weights that quantisation rounds to zero, besides the pruned ones (`sparsity`), as a
    # share of all prunable weights; missing if the model is not quantised.
    | of("float", "quantized_sparsity")
    # Prunable weights / weights in matrices; missing in ledgers of version 0.1.
    | of("float", "coverage")
)
DECISIONS = (
    of("text", "trial_id")
    | of("int", "epoch", "rung")
    | of("text", "action", "reason")
    | of("int", "peers", "rank")
    | of("list", "beaten_by")
    | of("float", "time")
)


MOST_DROP = "test_drop_high"
"""The one-sided 95 % upper bound of ``test_drop``, of the point alone; missing until a confirmation
has finished."""


def tested_columns(metric: PrimaryMetric) -> Kinds:
    """The columns of a confirmed point: means over seeds on test."""
    test = on_split(metric, "test")
    means = of("float", test.value, test.low, test.high, f"{metric.test}_spread")
    return means | of("int", "seeds") | of("float", test.drop)


def front_columns(metric: PrimaryMetric) -> Kinds:
    """The columns of the front besides those of the records."""
    return (
        of("float", metric.low, metric.high)
        | tested_columns(metric)
        | of("float", "optimism", "front_probability")
        | of("text", "verdict")
        | of("float", "p_value")
        | of("bool", "feasible")
        | of("float", MOST_DROP)
    )


def confirmation_columns(metric: PrimaryMetric) -> Kinds:
    """The columns of the confirmation, which has one row per retrained model."""
    return (
        of("text", "trial_id")
        | of("int", "epoch", "seed")
        | of("text", "why")
        | of("float", metric.name)
        | of("int", "correct", "examples")
        | of("float", "loss", metric.baseline, metric.drop, metric.validation)
        | of("int", "validation_correct", "validation_examples")
        | of("float", "sparsity", "model_sparsity")
        | of("int", "nonzero_params", "size_bytes")
        | of("float", "seconds", "train_seconds", "eval_seconds", "time")
        | of("text", "worker")
        | of("int", "attempt")
        | of("float", "coverage")
    )


def confirmed_columns(metric: PrimaryMetric) -> Kinds:
    """The columns of the confirmed points."""
    names = of("text", "trial_id") | of("int", "epoch") | of("text", "why")
    return names | tested_columns(metric) | of("float", metric.validation)


@dataclass(frozen=True)
class OnSplit:
    """The columns of a front with the values of the primary metric on one split."""

    split: Split
    value: str
    low: str
    """The lower end of its 95 % interval."""
    high: str
    drop: str
    """How much worse than the dense model the point is."""


def on_split(metric: PrimaryMetric, split: Split) -> OnSplit:
    """The columns of a split; the values on test are missing until a point is confirmed."""
    if split == "test":
        test = metric.test
        return OnSplit(split, test, f"{test}_low", f"{test}_high", "test_drop")
    return OnSplit(split, metric.name, metric.low, metric.high, metric.drop)


_DTYPES: dict[Kind, Any] = {
    "text": "string",
    "int": "Int64",
    "float": "float64",
    "bool": "boolean",
    "list": "object",
}


def frame(rows: Sequence[Mapping[str, Any]], kinds: Kinds) -> pd.DataFrame:
    """A table with exactly the columns ``kinds``; absent or invalid values are missing."""
    columns = zip(*_cells(rows, list(kinds)), strict=True) if rows else ([] for _ in kinds)
    pairs = zip(kinds.items(), columns, strict=True)
    return pd.DataFrame({name: series(list(column), kind) for (name, kind), column in pairs})


def _cells(rows: Sequence[Mapping[str, Any]], names: list[str]) -> Iterator[tuple[Any, ...]]:
    """The cells ``names`` of each row, row by row: reading memory in order is faster."""
    # An itemgetter of one name returns no tuple.
    whole = itemgetter(*names) if len(names) > 1 else None
    for row in rows:
        try:
            yield whole(row) if whole else (row[names[0]],)
        except KeyError:
            yield tuple(map(row.get, names))


def series(values: Iterable[Any], kind: Kind) -> pd.Series[Any]:
    """A column of type ``string``, ``Int64``, ``float64``, ``boolean``, or ``object`` for lists."""
    cells: list[Any] = values if isinstance(values, list) else list(values)
    if not _is_clean(cells, kind):
        cells = [_CLEAN[kind](value) for value in cells]
    given = _whole(cells) if kind == "int" else cells
    column: pd.Series[Any] = pd.Series(given, dtype=_DTYPES[kind])
    return column


def text_columns(table: pd.DataFrame) -> list[str]:
    """The names of the columns with text."""
    return [str(name) for name, dtype in table.dtypes.items() if dtype == "string"]


def param_kinds(params: Iterable[Mapping[str, Any]]) -> Kinds:
    """The kinds of the ``param_`` columns: first the known parameters, then others by name."""
    kinds = dict(PARAMS)
    others: dict[str, list[Any]] = {}
    for given in params:
        for name in given.keys() - PARAMS.keys():
            others.setdefault(name, []).append(given[name])
    kinds.update({name: _kind(others[name]) for name in sorted(others)})
    return {f"param_{name}": kind for name, kind in kinds.items()}


def _is_clean(cells: list[Any], kind: Kind) -> bool:
    """Whether all cells already have the right type, which is the usual case and fast to check."""
    types = set(map(type, cells)) - {type(None)}
    if kind in ("float", "bool"):
        return types <= ({float, int} if kind == "float" else {bool})
    if kind == "int":
        return types <= {int} and _fit(cells)
    return kind == "text" and types == {str} and all(map(str.isascii, filter(None, cells)))


def _fit(cells: list[int | None]) -> bool:
    known = [cell for cell in cells if cell is not None]
    return not known or (max(known) < 2**63 and min(known) > -(2**63))


def _whole(cells: list[int | None]) -> Any:
    """An array of integers; pandas would check each cell, which takes much longer."""
    missing = np.array([cell is None for cell in cells], dtype=np.bool_)
    values = cells if not missing.any() else [cell or 0 for cell in cells]
    return pd.arrays.IntegerArray(np.array(values, dtype=np.int64), missing)


def _kind(values: list[Any]) -> Kind:
    present = {type(value) for value in values} - {type(None)}
    if present == {bool}:
        return "bool"
    if present == {int}:
        return "int"
    return "float" if present and present <= {int, float} else "text"


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    # JSON may contain half of a surrogate pair, which cannot be encoded in a file.
    return text.encode("utf-8", "replace").decode("utf-8")


def _int(value: Any) -> int | None:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not whole or isinstance(value, bool) or abs(value) >= 2**63:
        return None
    return int(value)


def _float(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number else float("nan")


def _bool(value: Any) -> bool | None:
    return bool(value) if isinstance(value, bool | np.bool_) else None


def _list(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


_CLEAN: dict[Kind, Callable[[Any], Any]] = {
    "text": _text,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "list": _list,
}
