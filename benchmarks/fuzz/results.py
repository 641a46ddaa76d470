"""Mutations of the folders of sweeps: config, checkpoints, dense models, links, names and modes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.fuzz.bases import copied
from benchmarks.fuzz.case import Case
from benchmarks.fuzz.ledgers import CONTROLS, IDS, VALUES, a_place
from benchmarks.fuzz.sweeps import Sweep, case_of
from benchmarks.fuzz.yaml_text import TEXTS, damaged, flipped

NAMES_OF_OURS = (
    *("ledger.jsonl", "ledger.lock", "config.yaml", "checkpoints", "dense", "allocations"),
    *("driver.log", "report.html", "report.md", "figures", "tables", "trials.csv", "front.parquet"),
    *("checkpoints/confirm", "checkpoints/t00000", "checkpoints/t00001", "tables/failures.tex"),
)
"""Where a sweep reads, writes or deletes."""


def _damaged(rng: random.Random, file: Path) -> None:
    other = rng.choice([each for each in file.parent.iterdir() if each.is_file()])
    file.write_bytes(damaged(rng, file.read_bytes(), other.read_bytes()))


def _files(sweep: Sweep, pattern: str) -> list[Path]:
    return sorted(path for path in sweep.place.rglob(pattern) if path.is_file())


def _config(rng: random.Random, sweep: Sweep) -> None:
    file = sweep.place / "config.yaml"
    file.write_bytes(TEXTS[rng.choice([*TEXTS])](rng, file.read_text()))


def _config_other(rng: random.Random, sweep: Sweep) -> None:
    file = sweep.place / "config.yaml"
    lines = file.read_text().splitlines()
    at = rng.choice([i for i, line in enumerate(lines) if ": " in line])
    value = rng.choice(("0", "other", "[]", "null", "1e999", '"\\e[2J"', "9" * 30, "'../x'"))
    lines[at] = f"{lines[at].partition(': ')[0]}: {value}"
    file.write_text("\n".join(lines))


def _checkpoint(rng: random.Random, sweep: Sweep) -> None:
    _damaged(rng, rng.choice(_files(sweep, "checkpoints/*/*/*")))


def _note(rng: random.Random, sweep: Sweep) -> None:
    """trial.json has other values."""
    file = rng.choice(_files(sweep, "checkpoints/*/*/trial.json"))
    note = json.loads(file.read_text())
    inside, key = a_place(rng, note)
    inside[key] = rng.choice(VALUES[rng.choice([*VALUES])])
    file.write_text(json.dumps(note))
    sweep.must = "forged"


def _forged(rng: random.Random, sweep: Sweep) -> None:
    """Tensors of other names, shapes, types or values, with the digests that they have."""
    import numpy as np
    from safetensors.numpy import load_file, save_file

    file = rng.choice(_files(sweep, "checkpoints/*/*/m*.safetensors"))
    tensors = load_file(file)
    name = rng.choice(sorted(tensors))
    value = tensors.pop(name)
    forms = (value[None], value.reshape(-1)[:1], value.astype("int8"), value * 0, value.flat[:0])
    other = rng.choice((*forms, np.full_like(value, np.nan, "float32"), None))
    if other is not None:
        tensors[rng.choice((name, name, *IDS[:4], "mask/x", "9/x"))] = np.ascontiguousarray(other)
    save_file(tensors, file)
    note = json.loads((file.parent / "trial.json").read_text())
    note["digests"][file.name] = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    (file.parent / "trial.json").write_text(json.dumps(note))
    sweep.must = "forged"


def _link(rng: random.Random, sweep: Sweep, other: float = 0.0) -> None:
    """A link in the place of a file or folder, or where a command would write."""
    path = sweep.place / rng.choice(NAMES_OF_OURS)
    if rng.random() < 0.4:
        path = rng.choice([each for each in sweep.place.rglob("*")])
    target = sweep.folder / "beside" / "target"
    if path.exists():
        shutil.move(path, target)
    elif path.suffix:
        target.write_text("precious")
    else:
        shutil.copytree(sweep.folder / "beside" / "victim", target)
    if rng.random() < other:
        target = rng.choice((target.parent / "nothing", path, Path("/dev/null"), target.parent))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def _kinds(rng: random.Random, sweep: Sweep) -> None:
    """A folder, a pipe or nothing in the place of a file, and the reverse."""
    path = rng.choice([each for each in sweep.place.rglob("*")])
    if rng.random() < 0.5:
        path = sweep.place / rng.choice(NAMES_OF_OURS)
    is_folder = path.is_dir()
    if path.exists():
        (shutil.rmtree if is_folder else os.remove)(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = rng.choice(("other", "other", "pipe", "nothing"))
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "other" and (is_folder or not path.suffix):
        path.write_bytes(b"x")
    elif kind == "other":
        (path / "x").mkdir(parents=True)


def _names(rng: random.Random, sweep: Sweep) -> None:
    """Files and folders of odd names: long, with control characters, or like those of a sweep."""
    for _ in range(5):
        parent = rng.choice(("checkpoints", "checkpoints/t00000", "dense", ".", "tables"))
        name = rng.choice((*IDS, *CONTROLS, "n" * 255, "epoch-9999", "epoch-00ff", "epoch-"))
        path = sweep.place / parent / re.sub(r"[/\0\ud800]", "", f"{name} "[:255])
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.mkdir() if rng.random() < 0.5 else path.write_bytes(b"x")


def _modes(rng: random.Random, sweep: Sweep) -> None:
    path = rng.choice([each for each in sweep.place.rglob("*")])
    path.chmod(rng.choice((0, 0o200, 0o400, 0o4777)))


def _members(rng: random.Random, sweep: Sweep) -> None:
    """The archive of a dense model has members that it should not have."""
    file, given = _unpacked(sweep)
    first, data = rng.choice(given)
    change = rng.choice(("name", "name", "link", "size", "twice", "gone", "other", "many"))
    if change in ("gone", "other", "link"):
        given.remove((first, data))
    added = tarfile.TarInfo(first.name)
    if change == "name":
        name = rng.choice((*IDS, *(f"{first.name.partition('/')[0]}/{each}" for each in IDS)))
        added.name = name.encode("utf-8", "replace").decode()
    if change == "link":
        added.type = rng.choice(
            (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
        )
        added.linkname = str(sweep.folder / "beside" / "victim" / "thesis.tex")
    data = flipped(rng, data) if change == "other" else data
    given += [] if change == "gone" else [(added, data)] * (5_000 if change == "many" else 1)
    _pack(file, given, huge=change == "size", is_named=rng.random() < 0.7)


def _other_weights(rng: random.Random, sweep: Sweep) -> None:
    """Another dense model under its own digest: an honest archive of a dishonest sender."""
    from safetensors.numpy import load, save

    file, given = _unpacked(sweep)
    for place, (item, data) in enumerate(given):
        if item.name.endswith("model.safetensors"):
            data = save({name: value * 0 for name, value in load(data).items()}, {"format": "pt"})
        elif item.name.endswith(".json") and rng.random() < 0.5:
            data = data.replace(b"0.", b"0.9")
        given[place] = (item, data)
    _pack(file, given)
    sweep.must = "forged"


def _unpacked(sweep: Sweep) -> tuple[Path, list[tuple[tarfile.TarInfo, bytes]]]:
    file = _files(sweep, "dense/*.tar")[0]
    with tarfile.open(file) as tar:
        return file, [(item, data.read()) for item in tar if (data := tar.extractfile(item))]


def _pack(file: Path, given: list[Any], huge: bool = False, is_named: bool = True) -> None:
    """Write an archive; ``is_named``: under the digest of its content, if it has one."""
    from sweep.compress.dense import ship

    with tarfile.open(file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for item, content in given:
            item.size = len(content)
            tar.addfile(item, io.BytesIO(content))
    packed = file.read_bytes()
    if huge:  # which the header of the first member declares
        file.write_bytes(packed[:124] + b"77777777777\0" + packed[136:])
    try:
        digest = ship.digest(packed) if is_named else file.stem
    except Exception:  # no archive that the program allows
        digest = file.stem
    file.rename(file.with_name(f"{digest or ship.FIGURES}.tar"))


def _archive(rng: random.Random, sweep: Sweep) -> None:
    file = _files(sweep, "dense/*.tar")[0]
    if rng.random() < 0.5:
        _damaged(rng, file)
    else:
        other = rng.choice(("figures.tar", "0" * 16 + ".tar", "x.tar", f"{file.name}.tar"))
        file.rename(file.with_name(other))


def _lock(rng: random.Random, sweep: Sweep) -> None:
    text = rng.choice((*CONTROLS, "pid 1 on host", "x" * 10**6, ""))
    (sweep.place / "ledger.lock").write_bytes(text.encode("utf-8", "surrogatepass"))
    (sweep.place / "driver.log").write_bytes(b"\xff\0\x1b[2J")


MUTATIONS: dict[str, Callable[[random.Random, Sweep], object]] = {
    "unchanged": lambda rng, sweep: None,
    "config damaged": _config,
    "config edited": _config_other,
    "checkpoint damaged": _checkpoint,
    "checkpoint's note": _note,
    "checkpoint forged": _forged,
    "links": _link,
    "links to nothing": lambda rng, sweep: _link(rng, sweep, 1.0),
    "kinds of files": _kinds,
    "names": _names,
    "modes": _modes,
    "lock and log": _lock,
    "dense: members": _members,
    "dense: weights": _other_weights,
    "dense: archive": _archive,
}
NAMES = tuple(MUTATIONS)


def make(rng: random.Random, folder: Path, name: str) -> Case:
    """Copy a sweep to ``folder``, and mutate its files, but not its ledger's content."""
    bases = ["torch", "half", "half", "interrupted", "closed-form"]
    base = "torch" if name.startswith("dense") else rng.choice(bases)
    copied(base, folder)
    sweep = Sweep(base, folder)
    MUTATIONS[name](rng, sweep)
    return case_of(rng, f"folder: {name}", sweep)
