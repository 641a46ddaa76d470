"""Mutations of which files a split has: lists, globs, folders, links, the same rows twice."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

from benchmarks.fuzz.data.rows import Row, pairs, write
from benchmarks.fuzz.data.values import Input, Mutation, files_of, splits


def _three(rng: random.Random) -> dict[str, list[Row]]:
    from benchmarks.fuzz.data.rows import rows

    return {name: rows(rng, 40, ("neg", "pos")) for name in ("train", "validation", "test")}


def _shards(rng: random.Random, folder: Path) -> Input:
    data, suffix = _three(rng), rng.choice((".csv", ".jsonl", ".parquet", ".csv.gz"))
    train, parts = data["train"], folder / "parts"
    parts.mkdir()
    files = [str(write(parts / f"part-{i}{suffix}", train[10 * i : 10 * i + 10])) for i in range(4)]
    forms = (
        files,
        str(parts / f"*{suffix}"),
        str(parts),
        f"{folder}/**/part-?{suffix}",
        [*files[:2], f"{parts}/part-[23]*"],
    )
    validation = str(write(folder / f"other{suffix}", data["validation"]))
    chosen = {"train": rng.choice(forms), "validation": validation}
    return Input(chosen, {split: [pairs(data[split])] for split in ("train", "validation")})


def _bad_paths(rng: random.Random, folder: Path) -> Input:
    data = _three(rng)
    good = str(write(folder / "a.csv", data["train"]))
    (folder / "empty").mkdir()
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "hole.csv").symlink_to("nothing.csv")
    (folder / "zero.csv").write_bytes(b"")
    (folder / "folder.csv").mkdir()
    bad = rng.choice(
        (
            *(f"{folder}/none.csv", f"{folder}/*.none", f"{folder}/empty", f"{folder}/loop.csv"),
            *(f"{folder}/hole.csv", f"{folder}/zero.csv", f"{folder}/folder.csv", "/dev/null"),
            *(
                [good, good],
                [good, f"{folder}/./a.csv"],
                [good, f"{folder}/none.csv"],
                [f"{folder}/[a.csv"],
            ),
            *(
                f"file://{good}",
                f"https://localhost:9/{good}",
                "a" * 300 + ".csv",
                "a\nb.csv",
                "~nobody/a.csv",
            ),
        )
    )
    split = rng.choice(("train", "validation"))
    dataset = {"train": good, split: bad}
    return Input(dataset, {"train": [pairs(data["train"])], split: [None]})


def _links(rng: random.Random, folder: Path) -> Input:
    data = _three(rng)
    target = write(folder / "a.csv", data["train"])
    names = (
        "ö ü.csv",
        "a b.csv",
        "[x].csv",
        "*.csv",
        "a'b.csv",
        "a%20b.csv",
        "$HOME.csv",
        "--x.csv",
    )
    link = folder / "odd" / rng.choice(names)
    link.parent.mkdir()
    if rng.random() < 0.5:
        link.symlink_to(target)
    else:
        shutil.copy(target, link)
    return Input({"train": str(link)}, {"train": [pairs(data["train"])]})


def _same_file(rng: random.Random, folder: Path) -> Input:
    data = _three(rng)
    path = write(folder / "a.csv", data["train"])
    other = folder / "b.csv"
    forms = (
        lambda: other.symlink_to(path),
        lambda: shutil.copy(path, other),
        lambda: other.hardlink_to(path),
    )
    rng.choice(forms)()
    split = rng.choice(("validation", "test"))
    dataset = {"train": str(path), split: rng.choice((str(path), str(other)))}
    return Input(dataset, {"train": [pairs(data["train"])], split: [None]})


def _shared_rows(rng: random.Random, folder: Path) -> Input:
    data = _three(rng)
    count = rng.randint(1, 40)
    data["validation"][:count] = data["train"][:count]
    if rng.random() < 0.3:
        data["train"] += data["train"]
    found = files_of(folder, data, rng.choice((".csv", ".jsonl", ".parquet")))
    if count == 40 and len(data["train"]) == 40:
        found.truth["validation"] = [None]
    return found


def _hub_folder(rng: random.Random, folder: Path) -> Input:
    """A folder as on the hub: its files are divided into splits by their names."""
    data, place = _three(rng), folder / "data set"
    place.mkdir()
    suffix = rng.choice((".csv", ".jsonl", ".parquet"))
    patterns = ("{}", "data/{}-00000-of-00001", "my_{}_file", "{}/part", "{}")
    pattern = rng.choice(patterns)
    for split, rows in data.items():
        path = place / f"{pattern.format(split)}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, rows)
    (place / "README.md").write_text("# A data set\n")
    return Input(str(place), {split: [pairs(rows)] for split, rows in data.items()})


def _saved(rng: random.Random, folder: Path) -> Input:
    """A folder that ``save_to_disk`` of the library `datasets` wrote, sometimes incomplete."""
    import datasets

    datasets.disable_progress_bars()
    data, place = _three(rng), folder / "saved"
    sets = {split: datasets.Dataset.from_list(rows) for split, rows in data.items()}
    datasets.DatasetDict(sets).save_to_disk(str(place))
    truth: dict[str, Any] = {split: [pairs(rows)] for split, rows in data.items()}
    change = rng.choice(("none", "none", "one", "state", "arrow", "dict", "json"))
    if change == "one":
        return Input(str(place / "train"), {"train": truth["train"]})
    broken = {
        "state": place / "train" / "state.json",
        "arrow": place / "train" / "data-00000-of-00001.arrow",
        "json": place / "dataset_dict.json",
    }
    if change == "json":
        broken[change].write_text(rng.choice(("", "{}", "[]", '{"splits": ["none"]}', "5")))
    elif change in broken:
        broken[change].unlink()
    elif change == "dict":
        told = json.dumps({"splits": ["validation"]})
        (place / "dataset_dict.json").write_text(told)
    return Input(str(place), truth if change == "none" else {"train": [None]})


def _odd_folder(rng: random.Random, folder: Path) -> Input:
    place = folder / "place"
    place.mkdir()
    forms = ("", "README.md", "train.txt", "data.csv", "script.py", "train.csv.zip", "x/y.png")
    rows = _three(rng)["train"]
    for name in rng.sample(forms, rng.randint(0, 3)):
        if name:
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_bytes(b"---\nconfigs: [\n---\n" if name[0] == "R" else b"x")
    if rng.random() < 0.4:
        write(place / "train.csv", rows)
    readable = {path.name for path in place.iterdir()} == {"train.csv"}
    dataset = rng.choice((str(place), str(place / "none"), {"train": str(place)}))
    good = [pairs(rows)] if readable and not str(dataset).endswith("none") else [None, pairs(rows)]
    return Input(dataset, {"train": good})


def _none_split(rng: random.Random, folder: Path) -> Input:
    data = _three(rng)
    found = files_of(folder, data, ".csv")
    found.dataset["validation"] = rng.choice((None, [], "", " "))
    given = found.dataset["validation"]
    if given is None:
        del found.truth["validation"]
    else:
        found.truth["train"] = found.truth["validation"] = [None]
    return found


def _part(rng: random.Random, folder: Path) -> Input:
    """``task.validation``: the share of train that becomes validation."""
    data = {"train": splits(rng, ("neg", "pos"))["train"]}
    share = rng.choice((0.1, 0.5, 0.001, 0.999, 0.9, 1e-9))
    found = files_of(folder, data, ".csv", more={"validation": share})
    if not 0 < round(share * 60) < 60:
        found.truth["train"] = [None]
    return found


FILES: dict[str, Mutation] = {
    "shards": _shards,
    "paths that cannot be read": _bad_paths,
    "links and odd names": _links,
    "a file in two splits": _same_file,
    "rows in two splits": _shared_rows,
    "folder of the hub": _hub_folder,
    "save_to_disk": _saved,
    "odd folders": _odd_folder,
    "split without files": _none_split,
    "share for validation": _part,
}
