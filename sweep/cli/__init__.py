"""The `sweep` command; here are the arguments that several of its commands have."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sweep.ledger.store import store_at

Config = Annotated[str, typer.Argument(help="path of a YAML file, or a packaged name (digits)")]
Settings = Annotated[
    list[str] | None, typer.Argument(help="any setting by its dotted path: search.trials=8")
]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on standard output")]
# A folder, or an address in an object store: a Store is a protocol: no type for typer.
Folder = Annotated[
    Any, typer.Argument(parser=store_at, metavar="DIR", help="a sweep's folder, or s3://bucket/...")
]
Out = Annotated[
    Any,
    typer.Option(
        "--out",
        parser=store_at,
        metavar="DIR",
        help="folder, or s3://bucket/... (default: <storage>/<name>)",
    ),
]
Address = Annotated[str | None, typer.Option(help="a Ray cluster (default: RAY_ADDRESS, or here)")]
