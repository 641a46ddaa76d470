"""What `sweep render` does: a config, resolved where it is asked for, as a file for a scheduler."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path

from sweep.cluster.render.kubernetes import render_kubernetes
from sweep.cluster.render.pods import KubernetesOptions
from sweep.cluster.render.slurm import SlurmOptions, render_slurm
from sweep.config.load import load_config, with_absolute_paths
from sweep.config.plan import results_path
from sweep.errors import StorageError


def write_slurm(
    source: str, settings: list[str], results: str | None, options: SlurmOptions, here: bool
) -> str:
    """The batch script; ``here``: it runs with the environment that this command runs in."""
    config = with_absolute_paths(load_config(source, settings))
    place = results or results_path(config)
    if "://" not in place:
        place = str(Path(place).resolve())
    if here:
        folder = shlex.quote(str(Path(sys.executable).parent))
        options = replace(options, setup=f'export PATH={folder}:"$PATH"')
    return render_slurm(config, place, options)


def write_kubernetes(
    source: str, settings: list[str], results: str | None, options: KubernetesOptions
) -> str:
    """The manifest."""
    return render_kubernetes(load_config(source, settings), options, results)


def write(text: str, file: Path | None) -> None:
    """To a file, or to standard output; StorageError where the file cannot be written."""
    if file is None:
        print(text, end="")
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror or error}") from error
    print(f"wrote {file}; its first lines say how to use it", file=sys.stderr)
