"""The tokenizer of a task: the tokens that it makes of texts, a key of them, and how it pads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from sweep.compress.tasks.columns import Raw
from sweep.compress.tasks.split import Padding, Split
from sweep.compress.tasks.task import Ints
from sweep.config.fields import is_path
from sweep.errors import UsageError, first_line
from sweep.ledger.files import fingerprint, tree_digest

WARNED, REFUSED = 0.05, 0.2
"""The shares of unknown tokens above which there is a warning, or an error."""

_ROWS = 1000  # rows per chunk: lists of Python integers take ten times the memory of arrays

# Prefixes of a tokenizer's files in a model folder.
_TOKENIZER = ("tokenizer", "vocab", "merges", "special_", "added_", "spiece", "sentence")


def is_missing_folder(name: str) -> bool:
    """Whether a name is a path, not a hub id, and does not exist."""
    return is_path(name) and not Path(name).exists()


def load_tokenizer(name: str) -> Any:
    """Load a tokenizer from a folder or the hub.

    Raises :class:`~sweep.errors.UsageError` if there is none.
    """
    from transformers import AutoTokenizer

    if is_missing_folder(name):
        raise UsageError(f"tokenizer folder not found: {name}")
    if Path(name).is_dir() and not has_tokenizer(name):  # or an empty one is made
        raise UsageError(f"{name} has no tokenizer: set `tokenizer` to a folder or hub id")
    try:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception as error:
        raise UsageError(f"tokenizer {name!r} cannot be loaded: {first_line(error)}") from error


def has_tokenizer(name: str) -> bool:
    """Whether a folder has files of a tokenizer; True for a hub id."""
    folder = Path(name)
    files = folder.iterdir() if folder.is_dir() else ()
    return not folder.is_dir() or any(f.is_file() and f.name.startswith(_TOKENIZER) for f in files)


class Encoder:
    """A tokenizer, from a folder or the hub: the tokens that it makes of texts, and how it pads.

    It pads with its own pad token, or else with that of ``config`` (transformers' config of the
    model), or else with its end-of-text token, or its unknown token if all texts end with the
    former. ``tokenizer`` saves that token too. ``key`` is of all that determines tokens: the files
    of the tokenizer, as it saves them, and the versions of the libraries. Raises
    :class:`~sweep.errors.UsageError` if the tokenizer cannot be loaded or has no such token.
    """

    def __init__(self, name: str, config: Any = None) -> None:
        import tokenizers
        import transformers

        self.name, self.tokenizer = name, load_tokenizer(name)
        self._padded_with: list[str] = []
        with TemporaryDirectory() as folder:
            self.tokenizer.save_pretrained(folder)
            about = [type(self.tokenizer).__name__, tree_digest(folder)]
        self.key = fingerprint([*about, transformers.__version__, tokenizers.__version__])
        if self.tokenizer.pad_token is None:
            self._set_pad_token(config)

    def _set_pad_token(self, config: Any) -> None:
        tokenizer = self.tokenizer
        text_config = config.get_text_config() if config is not None else None
        own = getattr(text_config, "pad_token_id", None)
        added = {*tokenizer("a")["input_ids"][-1:]} & {*tokenizer("")["input_ids"]}
        others = (tokenizer.eos_token_id, tokenizer.unk_token_id)
        for token in (own, *(token for token in others if token not in added)):
            name = None if token is None or token < 0 else tokenizer.convert_ids_to_tokens(token)
            if name is None:
                continue
            tokenizer.pad_token = name
            if token != own:
                self._padded_with.append(
                    f"neither the tokenizer {self.name!r} nor the model has a pad token: batches "
                    f"are padded with {name!r}, and an export names it as the pad token"
                )
            return
        raise UsageError(
            f"the tokenizer {self.name!r} has no pad token, and no end-of-text token that could be "
            "used instead: set pad_token in its tokenizer_config.json"
        )

    @cached_property
    def padding(self) -> Padding:
        """How ``tokenizer.pad`` fills a shorter row."""
        pad = self.tokenizer.pad_token_id
        rows = {name: [[pad], [pad, pad]] for name in ("input_ids", "token_type_ids")}
        found = self.tokenizer.pad(rows, return_attention_mask=True)
        left = found["attention_mask"][0][0] == 0
        return Padding(int(pad), int(found["token_type_ids"][0][0 if left else -1]), left)

    def tokenise(
        self, raw: Raw, labels: Ints, max_length: int, replace: Mapping[str, str]
    ) -> tuple[Split, dict[str, int]]:
        """Tokenise rows, truncated to ``max_length`` tokens, unpadded.

        A text without any token becomes one pad token. Also returns counts:
        ``examples``; ``tokens`` of the texts, without those that the tokenizer adds; ``unknown``,
        those of them that it does not know; and ``cut``, the truncated examples. Raises
        :class:`~sweep.errors.UsageError` if ``max_length`` leaves no room for texts, or if the
        tokenizer returns inputs that no batch has.
        """
        both = (raw.texts, raw.pairs)
        columns = [_replaced(texts, replace) for texts in both if texts is not None]
        added = self.tokenizer.num_special_tokens_to_add(pair=len(columns) == 2)
        if added >= max_length:
            raise UsageError(
                f"task.max_length is {max_length}, and the tokenizer {self.name!r} alone adds "
                f"{added} tokens to each example: set it to {added + 1} or more"
            )
        ids: list[Ints] = []
        segments: list[Ints] = []
        counts = {"examples": len(raw.texts), "tokens": 0, "unknown": 0, "cut": 0}
        for start in range(0, len(raw.texts), _ROWS):
            encoded = self._encoded([texts[start : start + _ROWS] for texts in columns], max_length)
            rows = [np.asarray(row, dtype=np.int32) for row in encoded["input_ids"]]
            own = ~np.concatenate([np.asarray(row, bool) for row in encoded["special_tokens_mask"]])
            unknown = np.concatenate(rows) == self.tokenizer.unk_token_id
            counts["tokens"] += int(own.sum())
            counts["unknown"] += int((unknown & own).sum())
            counts["cut"] += sum(bool(part.overflowing) for part in encoded.encodings or ())
            ids += [row if len(row) else np.full(1, self.padding.token) for row in rows]
            for row in encoded.get("token_type_ids", ()):
                segments.append(np.asarray(row or [self.padding.segment], dtype=np.uint8))
        return Split.of(ids, labels, segments or None), counts

    def _encoded(self, columns: Sequence[list[str]], max_length: int) -> Any:
        """Return the tokenizer's own encoding of rows; each column has one text per row."""
        try:
            encoded = self.tokenizer(
                *columns,
                truncation=True,
                max_length=max_length,
                return_attention_mask=False,
                return_special_tokens_mask=True,
            )
        except Exception as error:  # of any kind: the library in Rust raises Exception itself
            what = f"the tokenizer {self.name!r} fails on the texts: {first_line(error)}"
            raise UsageError(f"{what}; allowed: a tokenizer that reads every text") from error
        if more := set(encoded) - {"input_ids", "token_type_ids", "special_tokens_mask"}:
            raise UsageError(
                f"the tokenizer {self.name!r} returns {', '.join(sorted(more))}; allowed: "
                "tokenizers of texts, which return input_ids, attention_mask and token_type_ids"
            )
        return encoded

    def warnings(self, max_length: int) -> list[str]:
        """Return what a user may not expect of this tokenizer, a sentence each."""
        limit = self.tokenizer.model_max_length
        if max_length <= limit:
            return self._padded_with
        return [
            *self._padded_with,
            f"task.max_length is {max_length}, above the limit of the tokenizer {self.name!r} "
            f"(model_max_length {limit}): texts are cut at task.max_length",
        ]

    def unknown(self, split: str, counts: Mapping[str, int], refuse: bool) -> list[str]:
        """Return a warning if many tokens of a split are unknown, by the counts of its texts.

        Raises :class:`~sweep.errors.UsageError` instead if they are too many and ``refuse`` is set.
        """
        share = counts["unknown"] / max(1, counts["tokens"])
        if share <= WARNED:
            return []
        text = (
            f"{share:.1%} of the {counts['tokens']} tokens of {split} are unknown "
            f"({self.tokenizer.unk_token}) to the tokenizer {self.name!r}"
        )
        remedies = (
            "name the model's own tokenizer, use a model for the language and script of the texts, "
            "choose another column in task.text, or replace characters with task.replace"
        )
        if share > REFUSED and refuse:
            raise UsageError(f"{text}; allowed: at most {REFUSED:.0%}; {remedies}")
        return [f"{text}, so the model does not see what they say: {remedies}"]


def _replaced(texts: Sequence[str], replace: Mapping[str, str]) -> list[str]:
    rows = list(texts)
    for old, new in replace.items():
        rows = [row.replace(old, new) for row in rows]
    return rows
