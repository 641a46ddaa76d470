"""Mutations of the text of a config: its bytes, its encoding, and features of YAML."""

from __future__ import annotations

import random
from collections.abc import Callable

TextMutation = Callable[[random.Random, str], bytes]


def flipped(rng: random.Random, data: bytes, most: int = 4) -> bytes:
    """Bytes with a few of them changed, inserted, repeated or deleted."""
    found = bytearray(data)
    for _ in range(rng.randint(1, most)):
        at = rng.randrange(len(found) + 1)
        other = rng.choice((rng.randrange(256), *b"\n\t :{}[]#'\"&*!-,0"))
        change = rng.randrange(4)
        if change == 0 or not found:
            found[at:at] = bytes([other])
        elif change == 1:
            found[at : at + 1] = bytes([other])
        elif change == 2:
            del found[at : at + rng.randint(1, 5)]
        else:
            end = at + rng.randint(1, 20)
            found[at:at] = found[at:end]
    return bytes(found)


def cut(rng: random.Random, data: bytes) -> bytes:
    """The first part of some bytes."""
    return data[: rng.randrange(len(data))]


def damaged(rng: random.Random, data: bytes, *more: bytes) -> bytes:
    """Bytes that are cut or changed, or others instead of them; ``more`` are forms like that."""
    forms = (b"", b"x", b"null", b"[]", b"5", b'"x"', b"{}", b"\0" * len(data), data + b"x", *more)
    forms += (b"version https://git-lfs", b"\xff" * 8 + data[8:], b"\xff\xfe" + data)
    return rng.choice((cut(rng, data), flipped(rng, data), rng.choice(forms)))


def _encoded(rng: random.Random, text: str) -> bytes:
    text += "# é ü 中\n"
    names = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-8", "utf-7")
    return text.encode(rng.choice(names), "replace")


def _lines(rng: random.Random, text: str) -> bytes:
    forms = (
        *(text.replace("\n", "\r\n"), text.replace("\n", "\r"), text.replace("\n", "\u2028")),
        *(text.replace("\n", "\x85"), text.rstrip("\n"), text + "\n" * 1000, "\n\n" + text),
        *(text.replace("\n", "\n\t"), text.replace(": ", ":\t"), text.replace(": ", ":\u00a0")),
        *(
            text.replace(": ", ":"),
            text.replace(": ", " : "),
            "  " + text,
            " " * 4000 + "\n" + text,
        ),
        *(
            text.replace("\n", "  # why\n"),
            text.replace("\n", "#why\n"),
            text + "\0",
            "\ufeff" + text,
        ),
    )
    return rng.choice(forms).encode()


def _documents(rng: random.Random, text: str) -> bytes:
    forms = (
        *(f"---\n{text}", f"---\n{text}---\n{text}", f"{text}...\n", f"%YAML 1.2\n---\n{text}"),
        *(
            f"%YAML 1.1\n---\n{text}",
            f"%TAG ! x:\n---\n{text}",
            f"---\n---\n{text}",
            f"{text}---\n",
        ),
        *("", "\n", "# nothing\n", "---\n", "null\n", "[]\n", "- a\n", "5\n", "text\n", "{}\n"),
        *("!!map {name: a}\n", "'name: a'\n", "|\n  name: a\n", "name\n", "? name\n", "{name: a\n"),
    )
    return rng.choice(forms).encode()


def _anchors(rng: random.Random, text: str) -> bytes:
    laughs = "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]\n" for i in range(1, 9))
    forms = (
        *("search: &s {trials: 5}\nrecover: *s\n", "search: &s {trials: 5, seed: 1}\n"),
        *("baseline: &b {epochs: 1, seed: 2}\nsearch: {<<: {trials: 5}, seed: 3}\n", "x: &x 5\n"),
        *(
            "search: {<<: {trials: 5}, <<: {seed: 1}}\n",
            "search: {<<: [{trials: 5}, {trials: 6}]}\n",
        ),
        *("search: {<<: 5}\n", "search: &s {<<: *s}\n", "search: &s [*s]\n", "search: *nothing\n"),
        *("l0: &l0 [1]\n" + laughs, "space: &p {sparsity: 0.5}\nsearch: {starts: [*p]}\n"),
        *("search: {trials: &n 5, seed: *n}\n", "'<<': {search: {trials: 5}}\n"),
        *("search: !!map {trials: 5}\n", "search: !x {trials: 5}\n", "search: {trials: !!str 5}\n"),
        *(
            "search: {? {a: 1} : 5}\n",
            "search: {? [a] : 5}\n",
            "? [a, b]\n: 5\n",
            "search: {1: 2}\n",
        ),
        *("search: {null: 2}\n", "search: {true: 2}\n", "search: {2024-01-01: 2}\n", "5: 6\n"),
    )
    return (text + rng.choice(forms)).encode()


def _large(rng: random.Random, text: str) -> bytes:
    size = rng.choice((200, 2_000, 20_000))
    forms = (
        *("search: " + "[" * size + "]" * size, "search: " + "{a: " * size + "1" + "}" * size),
        *("search: " + "- " * size, f"storage: {'x' * size * 10}", f"listeners: [{'a,' * size}]"),
        *("pruning: {include: [" + ", ".join(f"'p{i}'" for i in range(size)) + "]}", "[" * size),
        *("\n".join(f"k{i}: {i}" for i in range(size // 10)), f"search: {{trials: {'1' * size}}}"),
        *(f"search: {{margin: 0.{'1' * size}}}", f"search: {{margin: 1e{'1' * (size // 100)}}}"),
        *("space: {sparsity: [" + ", ".join(str(i / size) for i in range(min(size, 2000))) + "]}",),
    )
    return f"{text}{rng.choice(forms)}\n".encode()


TEXTS: dict[str, TextMutation] = {
    "bytes flipped": lambda rng, text: flipped(rng, text.encode()),
    "text cut": lambda rng, text: cut(rng, text.encode()),
    "encoding": _encoded,
    "lines and spaces": _lines,
    "documents": _documents,
    "anchors and tags": _anchors,
    "deep or long": _large,
}
