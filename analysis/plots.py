"""Static figures (matplotlib). Colours are Okabe and Ito's, which the colour-blind tell apart.

Figures are drawn without pyplot: no window, no global state, nothing to close. matplotlib is
imported when a figure is drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.files import write_whole
from analysis.front import main_objective
from analysis.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, SKY, GREEN, GREY = "#0072B2", "#56B4E9", "#009E73", "#7A7A7A"

ONE_POINT = 0.01


class Scale(NamedTuple):
    """How a metric is shown: the axis' label with its unit, and the factor to that unit."""

    label: str
    factor: float = 1.0


SCALES = {
    "accuracy": Scale("validation accuracy (%)", 100),
    "accuracy_drop": Scale("validation accuracy below dense (points)", 100),
    "loss": Scale("validation loss (nats)"),
    "sparsity": Scale("sparsity (% of prunable weights that are zero)", 100),
    "model_sparsity": Scale("model sparsity (% of all parameters that are zero)", 100),
    "nonzero_params": Scale("non-zero parameters (millions)", 1e-6),
    "size_bytes": Scale("size (MB)", 1e-6),
    "seconds": Scale("time of the trial (s)"),
    "train_seconds": Scale("training time of the epoch (s)"),
    "eval_seconds": Scale("evaluation time (s)"),
    "epoch": Scale("finetune epochs"),
}


def axes_of(directions: dict[str, str]) -> tuple[str, str]:
    """The metrics that the front is drawn in: (horizontal, vertical), sparsity and accuracy if
    they are objectives."""
    across = main_objective(directions)
    others = [name for name in directions if name not in (across, "accuracy")]
    return across, others[0] if others and "accuracy" not in directions else "accuracy"


def front_figure(results: Results) -> Figure:
    """The front as a step line with 95 % Wilson intervals, over all candidates.

    Points of stopped trials are hollow. The dense baseline is a line, with a band of one point
    of accuracy below it. With more than two objectives the front is shown as points, for its
    projection is no step line.
    """
    from matplotlib.figure import Figure

    across, up = axes_of(results.directions)
    figure = Figure(figsize=(7.6, 5.2), layout="constrained")
    axes = figure.add_subplot()
    _front(axes, results, across, up)
    _baseline(axes, results, up)
    _candidates(axes, results, across, up)
    _dress(axes, results, across, up)
    return figure


def save_front(results: Results, folder: str | Path) -> list[Path]:
    """Draw the front to ``folder``/front.png (160 dpi) and front.svg; returns both paths."""
    import matplotlib

    figure = front_figure(results)
    png, svg = Path(folder) / "front.png", Path(folder) / "front.svg"
    write_whole(png, lambda part: figure.savefig(part, dpi=160))
    # The same sweep gives the same file: no date, no random ids.
    with matplotlib.rc_context({"svg.hashsalt": "prunesweep", "svg.fonttype": "none"}):
        write_whole(svg, lambda part: figure.savefig(part, metadata={"Date": None}))
    return [png, svg]


def _values(table: pd.DataFrame, metric: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    column = table[metric].to_numpy(dtype=np.float64, na_value=np.nan)
    return column * SCALES.get(metric, Scale(metric)).factor


def _candidates(axes: Axes, results: Results, across: str, up: str) -> None:
    table = results.candidates
    stopped = table["status"].eq("stopped").to_numpy(dtype=bool)
    kinds = (
        ("evaluation", ~stopped, GREY, 0.4),
        ("evaluation of a stopped trial", stopped, "none", 0.8),
    )
    for label, mask, fill, alpha in kinds:
        part = table[mask]
        if len(part):
            axes.scatter(
                _values(part, across),
                _values(part, up),
                s=16,
                facecolors=fill,
                edgecolors=GREY,
                linewidths=0.8,
                alpha=alpha,
                label=f"{label} ({len(part)})",
                # Thousands of vector markers would make the SVG slow to open.
                rasterized=len(table) > 2000,
                zorder=2,
            )


def _baseline(axes: Axes, results: Results, up: str) -> None:
    level = (results.baseline or {}).get(up)
    if not isinstance(level, int | float):
        return
    factor = SCALES.get(up, Scale(up)).factor
    unit = " %" if up == "accuracy" else ""
    label = f"dense baseline ({level * factor:.4g}{unit})"
    axes.axhline(level * factor, color=GREEN, linewidth=1.5, label=label, zorder=3)
    if up == "accuracy":
        low, high = (level - ONE_POINT) * factor, level * factor
        band = "within one point of dense"
        axes.axhspan(low, high, color=GREEN, alpha=0.15, linewidth=0, label=band, zorder=1)


def _front(axes: Axes, results: Results, across: str, up: str) -> None:
    front = results.front.sort_values(across, kind="stable")
    if front.empty:
        return
    x, y = _values(front, across), _values(front, up)
    label = f"Pareto front ({len(front)})"
    if set(results.directions) == {across, up}:
        # What is reached at x or better: a step at each point, towards the worse side of x.
        where = "steps-pre" if results.directions[across] == "max" else "steps-post"
        axes.plot(x, y, drawstyle=where, color=BLUE, linewidth=1.8, zorder=4)
    if up == "accuracy":
        low, high = _values(front, "accuracy_low"), _values(front, "accuracy_high")
        bars = np.vstack([y - 100 * low, 100 * high - y])
        label += ", with 95 % Wilson intervals"
        axes.errorbar(x, y, yerr=bars, fmt="none", ecolor=SKY, elinewidth=2.5, zorder=3.5)
    stopped = front["status"].eq("stopped").to_numpy(dtype=bool)
    fills = ["white" if hollow else BLUE for hollow in stopped]
    axes.scatter(x, y, s=38, c=fills, edgecolors=BLUE, linewidths=1.5, zorder=5)
    axes.plot([], [], "o-", color=BLUE, markersize=6, linewidth=1.8, label=label)


def _dress(axes: Axes, results: Results, across: str, up: str) -> None:
    test = "confirmed on test" if results.confirmed else "not confirmed on test"
    axes.set_title(
        f"{results.name}: front on validation, {test}", loc="left", fontsize=11, parse_math=False
    )
    axes.set_xlabel(SCALES.get(across, Scale(across)).label)
    axes.set_ylabel(SCALES.get(up, Scale(up)).label)
    axes.grid(color="#E5E5E5", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if results.candidates.empty:
        axes.text(0.5, 0.5, "no finished evaluation yet", transform=axes.transAxes, ha="center")
        axes.set_xticks([])
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure = axes.get_figure()
        assert figure is not None
        figure.legend(
            handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9
        )
