"""The `sweep` command. This module has the arguments that several commands share."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

Config = Annotated[str, typer.Argument(help="path of a YAML file, or name of a packaged config")]
Settings = Annotated[
    list[str] | None, typer.Argument(help="key=value: any setting by its dotted path")
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document")]
Folder = Annotated[str, typer.Argument(metavar="DIR", help="folder of a sweep, or s3://bucket/...")]
Out = Annotated[
    str | None,
    typer.Option(
        metavar="DIR", help="folder for the results, or s3://bucket/... (default: <storage>/<name>)"
    ),
]
Address = Annotated[
    str | None, typer.Option(help="Ray cluster (default: RAY_ADDRESS, else this machine)")
]


def say(line: str) -> None:
    """Print a message to standard error, because data goes to standard output."""
    print(line, file=sys.stderr, flush=True)
