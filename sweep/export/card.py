"""The model card: scores with intervals, lineage and usage of an exported model.

The card is Markdown with the header of the Hugging Face hub, from the template ``card.md``. Every
figure comes from the ledger or from the checks of the export.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel

from analysis import Results
from analysis.certainty.measured import interval, measured
from analysis.format import MetricFormat, megabytes, number, percent, short
from analysis.tables.columns import on_split
from sweep.config import SweepConfig
from sweep.export.checks import Checked
from sweep.export.point import Point
from sweep.ledger.record import coverage_text
from sweep.space.params import Params
from sweep.version import __version__

CLAIMS = {
    "certified": "At 95 % it is certain that they are {near}. This holds for all certified points "
    "of the front together, so also after a choice among them.",
    "likely": "By their figure they are {near}, but this is not certain at 95 %.",
    "not": "They are not {near}.",
}
"""What a verdict says of the retrained models (`analysis.certainty.verdicts`)."""


def card(
    results: Results,
    config: SweepConfig,
    point: Point,
    checked: Checked,
    files: Mapping[str, int],
    command: str,
) -> str:
    """The text of README.md. ``files``: bytes of the other files in its folder, by name."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {each.__name__: each for each in (cell, megabytes, number, percent)}
    form, metric = MetricFormat(results.metric), results.metric
    tested = results.test_baseline is not None
    model, task, params = config.model, config.task, Params.of(point.params)
    row = _row(results.front, point)
    return environment.get_template("card.md").render(
        results=results,
        config=config,
        point=point,
        record=point.record,
        coverage=coverage_text(results.baseline or {}),
        checked=checked,
        files=files,
        command=command,
        version=__version__,
        versions={"prunesweep": __version__, **results.versions},
        base_model=model if model is not None and not Path(model).exists() else None,
        has_tokenizer=bool(config.tokenizer or model),
        replaced=[f"{old!r} by {new!r}" for old, new in task.replace.items()],
        on_front=row is not None,
        claim=CLAIMS.get(row["verdict"], "").format(near=form.near) if tested and row else "",
        tested=_row(results.confirmed_points, point) if tested else None,
        ramping=point.epoch < params.ramp_epochs,
        front=results.front.to_dict("records"),
        most_rows=20,  # of the table of front points
        metric=metric,
        form=form,
        on=on_split(metric, results.split),
        on_test=on_split(metric, "test"),
        interval=lambda figures: form.span(*interval(measured(figures, metric), metric)),
    )


def cell(value: Any) -> str:
    """A value in a Markdown table, on one line, with ``|`` escaped."""
    return short(_plain(value)).replace("|", "\\|")


def _plain(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items() if part is not None)
    return str(value)


def _row(table: pd.DataFrame, point: Point) -> Mapping[Any, Any] | None:
    """The row of the point in a table, or None."""
    mine = table[(table["trial_id"] == point.trial_id) & (table["epoch"] == point.epoch)]
    return None if mine.empty else mine.iloc[0].to_dict()
