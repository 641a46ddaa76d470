"""The Python API: what the commands do, as functions. ``import sweep`` has all of them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sweep.config import SweepConfig, plan
from sweep.config.load import (
    Overrides,
    Source,
    begun_with,
    check_config,
    load_config,
    with_absolute_paths,
)
from sweep.errors import Interrupted
from sweep.ledger.folder import SweepFolder
from sweep.ledger.store import Store, store_at

if TYPE_CHECKING:
    import analysis
    from sweep.cluster.listeners import Listener
    from sweep.compress.loop import Trial

T = TypeVar("T")

logger = logging.getLogger(__name__)

Place = str | Path | Store
"""A folder, or an address in an object store (``s3://bucket/...``)."""


def trial(config: Source, *settings: str, split: str = "validation", **params: Any) -> Trial:
    """One prune-and-recover trial in this process, without Ray.

    ``config`` is as for :func:`~sweep.config.load.load_config`. ``settings`` are ``key=value``
    texts, ``params`` the trial's parameters (:class:`~sweep.space.params.Params`), or the
    tutorial's ``weight`` and ``activation``. A parameter for which the config has a range gets its
    default. ``split`` is "validation" or "test". Nothing runs before the first record is asked for,
    but the dense model, which is prepared here, or read from the cache.

    Raises :class:`~sweep.errors.ConfigError` with every wrong setting and parameter, and
    :class:`~sweep.errors.UsageError` for a model or data that cannot be used. ``run()`` of the
    trial raises :class:`~sweep.errors.TrialError` where it diverges.

    >>> for record in trial("closed-form", sparsity=0.5, finetune_epochs=2).run():
    ...     print(record.epoch, record.stage)
    0 pruned
    1 recovered
    2 recovered
    """
    from sweep.compress.single import open_trial

    wait_passively()
    given: list[str | tuple[str, Any]] = [*settings, *params.items()]
    return open_trial(load_config(config, given, single_trial=True), split, logger.warning)[1]


def run(
    config: Source,
    *settings: str,
    out: Place | None = None,
    address: str | None = None,
    listeners: Sequence[Listener] = (),
) -> str:
    """Run a sweep to its end, with its tables and its report; returns its folder or address.

    ``config`` and ``settings`` are as for :func:`trial`. ``out`` is the sweep's folder (by default
    ``<storage>/<name>`` of the config); a sweep that is there and has the same settings is resumed.
    ``address`` is that of a Ray cluster; None: that of ``RAY_ADDRESS``, or Ray on this machine
    alone. ``listeners`` follow the events of the sweep, beside those that the config names.

    What this process registered (:func:`register_criterion` and the others) the workers have too.

    Raises a :class:`~sweep.errors.SweepError`; :class:`~sweep.errors.Interrupted` on Ctrl-C. Either
    way the ledger holds all that has happened, and :func:`resume` continues from there.
    """
    from sweep.cluster.run import run_sweep

    folder, found = planned(config, settings, out)
    to_end(run_sweep, found, folder, address=address, listeners=listeners)
    return str(folder.path)


def resume(
    folder: Place,
    trials: int | None = None,
    address: str | None = None,
    listeners: Sequence[Listener] = (),
) -> str:
    """Continue a sweep, or extend a finished one to ``trials`` trials in all; returns its folder.

    Raises as :func:`run` does.
    """
    from sweep.cluster.run import run_sweep

    place, config = begun(folder, trials)
    to_end(run_sweep, config, place, trials=trials, address=address, listeners=listeners)
    return str(place.path)


def confirm(
    folder: Place,
    seeds: int = 3,
    runners_up: int = 3,
    address: str | None = None,
    listeners: Sequence[Listener] = (),
) -> str:
    """Retrain the front of a sweep under fresh seeds and evaluate it on test; returns its folder.

    ``seeds`` is their number in all. The ``runners_up`` nearest to the front are confirmed too. The
    figures are in ``analysis.load(folder).confirmed_points``. Raises as :func:`run` does.
    """
    from sweep.cluster.confirm import run_confirm

    place, config = begun(folder)
    counts = {"seeds": seeds, "runners_up": runners_up}
    to_end(run_confirm, config, place, **counts, address=address, listeners=listeners)
    return str(place.path)


# What the commands share with the functions above.


def planned(
    source: Source, settings: Overrides = (), out: Place | None = None
) -> tuple[SweepFolder, SweepConfig]:
    """The folder and the config of a sweep that is to be run."""
    config = with_absolute_paths(load_config(source, settings))
    return SweepFolder(store_at(out or plan.results_path(config))), config


def begun(folder: Place, trials: int | None = None) -> tuple[SweepFolder, SweepConfig]:
    """The folder of a sweep that has begun, and the config that it was begun with.

    Raises :class:`~sweep.errors.UsageError` where there is none, where the config beside the ledger
    has been changed, and where the sweep cannot have ``trials`` trials in all.
    """
    found = SweepFolder(store_at(folder))
    config = begun_with(found)
    check_config(found)
    if trials is not None:
        plan.check_extension(config, trials)
    return found, config


def to_end(
    work: Callable[..., T], config: SweepConfig, folder: SweepFolder, **how: Any
) -> tuple[analysis.Results, T]:
    """Call ``work`` (``run_sweep`` or ``run_confirm``) and write the sweep's tables and report.

    Returns the sweep's results, and what ``work`` returned. A sweep that is interrupted gets its
    tables, but no figures, which take seconds.
    """
    import analysis

    wait_passively()
    try:
        done = work(config, folder, **how)
    except Interrupted:
        if folder.holds_sweep:
            write_results(analysis.load(str(folder.path)), folder.path, figures=False)
        raise
    return write_results(analysis.load(str(folder.path)), folder.path), done


def write_results(
    results: analysis.Results, place: Store, figures: bool = True
) -> analysis.Results:
    """Write the tables of a sweep into a folder, and with ``figures`` also these and the report."""
    from analysis import report
    from analysis.tables.files import write_tables

    with place.writing() as folder:
        write_tables(results, folder)
        if figures:
            report.write_report(results, folder)
    return results


def wait_passively() -> None:
    """Let threads of torch sleep while they wait, here and in the workers that inherit it.

    Threads that spin slow each other down as soon as anything else runs on the machine: an epoch of
    small layers took 22 times as long. torch reads the variable when it is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
