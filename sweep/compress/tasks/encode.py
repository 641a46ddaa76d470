"""Tokenises texts once; the token ids are cached and opened as memory maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sweep.compress.tasks.sources import Raw
from sweep.compress.tasks.split import Ints, Split
from sweep.errors import UsageError, first_line
from sweep.ledger.files import file_digest, fingerprint, new_folder, once

_ROWS = 1000  # rows per chunk: lists of Python integers take ten times the memory of arrays

# Prefixes of a tokenizer's files in a model folder.
_TOKENIZER = ("tokenizer", "vocab", "merges", "special_", "added_", "spiece", "sentence")


def is_missing_folder(name: str) -> bool:
    """Whether a name is a path, not a hub id, and does not exist."""
    is_path = name.startswith((".", "/", "~")) or name.count("/") > 1
    return is_path and not Path(name).exists()


def load_tokenizer(name: str) -> Any:
    """Load a fast tokenizer from a folder or the hub.

    Raises :class:`~sweep.errors.UsageError` if there is none.
    """
    from transformers import AutoTokenizer

    if Path(name).is_dir() and not _tokenizer_files(Path(name)):  # or an empty one is made
        raise UsageError(f"{name} has no tokenizer: set `tokenizer` to a folder or hub id")
    try:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception as error:
        raise UsageError(f"tokenizer {name!r} cannot be loaded: {first_line(error)}") from error


def tokenizer_key(name: str) -> str:
    """Return a key of a tokenizer: a digest of its files in a folder, or its hub name."""
    folder = Path(name)
    if not folder.is_dir():
        return name
    files = _tokenizer_files(folder)
    return fingerprint([(file.name, file_digest(file)) for file in files]) if files else name


def same_words(one: str, other: str) -> bool:
    """Whether two tokenizers have the same vocabulary; True if ``one`` has no files."""
    if tokenizer_key(one) == tokenizer_key(other):
        return True
    if Path(one).is_dir() and not _tokenizer_files(Path(one)):
        return True
    return bool(load_tokenizer(one).get_vocab() == load_tokenizer(other).get_vocab())


def _tokenizer_files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_file() and f.name.startswith(_TOKENIZER))


def tokenise(
    raw: Raw, labels: Ints, tokenizer: Any, max_length: int, replace: Mapping[str, str]
) -> Split:
    """Tokenise rows (pairs with segment ids), truncated to ``max_length`` tokens, unpadded."""
    first = _replaced(raw.texts, replace)
    second = None if raw.pairs is None else _replaced(raw.pairs, replace)
    ids: list[Ints] = []
    segments: list[Ints] = []
    for start in range(0, len(first), _ROWS):
        rows = slice(start, start + _ROWS)
        encoded = tokenizer(
            first[rows],
            None if second is None else second[rows],
            truncation=True,
            max_length=max_length,
            return_attention_mask=False,
        )
        ids += [np.asarray(row, dtype=np.int32) for row in encoded["input_ids"]]
        if second is not None and "token_type_ids" in encoded:
            segments += [np.asarray(row, dtype=np.uint8) for row in encoded["token_type_ids"]]
    return Split.of(ids, labels, segments or None)


def _replaced(texts: Sequence[str], replace: Mapping[str, str]) -> list[str]:
    rows = list(texts)
    for old, new in replace.items():
        rows = [row.replace(old, new) for row in rows]
    return rows


def cached(folder: Path, make: Callable[[], Split]) -> Split:
    """Open the split in ``folder``; make and save it first if it is missing."""

    def store() -> None:
        with new_folder(folder) as scratch:
            make().save(scratch)

    return Split.open(once(folder, store))
