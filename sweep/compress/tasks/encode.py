"""Texts to token ids, once a sweep: cached by what they depend on, opened as memory maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sweep.compress.tasks.sources import Raw
from sweep.compress.tasks.split import Ints, Split
from sweep.errors import UsageError, first_line
from sweep.ledger.files import file_digest, fingerprint, new_folder, once

_ROWS = 1000  # tokenised together: as lists of Python integers they take ten times the memory

# The files that make a tokenizer, beside the model's own in one folder.
_TOKENIZER = ("tokenizer", "vocab", "merges", "special_", "added_", "spiece", "sentence")


def is_missing_folder(name: str) -> bool:
    """Whether a name is a path, and no hub id, with nothing there."""
    is_path = name.startswith((".", "/", "~")) or name.count("/") > 1
    return is_path and not Path(name).exists()


def load_tokenizer(name: str) -> Any:
    """A fast tokenizer from a folder or the hub.

    Raises :class:`~sweep.errors.UsageError` where there is none.
    """
    from transformers import AutoTokenizer

    if Path(name).is_dir() and not _tokenizer_files(Path(name)):  # one of no words would be made up
        raise UsageError(f"{name} has no tokenizer: name one in `tokenizer`")
    try:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception as error:
        raise UsageError(f"tokenizer {name!r} cannot be loaded: {first_line(error)}") from error


def tokenizer_key(name: str) -> str:
    """What identifies a tokenizer: the bytes of its files in a folder, else its hub name."""
    folder = Path(name)
    if not folder.is_dir():
        return name
    files = _tokenizer_files(folder)
    return fingerprint([(file.name, file_digest(file)) for file in files]) if files else name


def same_words(one: str, other: str) -> bool:
    """Whether two tokenizers give the same words the same ids; True where ``one`` has none."""
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
    """Token ids of each row (pairs with segment ids), cut at ``max_length`` tokens, not padded."""
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
    """The split in ``folder``, made and stored there first where it is missing."""

    def store() -> None:
        with new_folder(folder) as scratch:
            make().save(scratch)

    return Split.open(once(folder, store))
