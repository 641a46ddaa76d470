"""The Python API: what the commands do, as functions.

``import sweep`` has all of this::

    import analysis
    import sweep

    for record in sweep.trial("digits", sparsity=0.8, finetune_epochs=2).run():
        print(record)
    folder = sweep.run("digits", "search.trials=8")
    print(analysis.load(folder).front)
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.config import SweepConfig, plan
from sweep.config.load import Overrides, Source, load_config, with_absolute_paths
from sweep.config.saved import begun_with, check_config
from sweep.errors import Interrupted, StorageError
from sweep.ledger.folder import SweepFolder
from sweep.ledger.store import Store, store_at

if TYPE_CHECKING:
    import analysis
    from sweep.cluster.listeners import Listener
    from sweep.compress.loop import Trial
    from sweep.search.rounds import Confirmation

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
    folder, found = planned(config, settings, out)
    run_to_end(folder, found, None, address, listeners)
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
    place, config = begun(folder, trials)
    run_to_end(place, config, trials, address, listeners)
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
    place, config = begun(folder)
    confirm_to_end(place, config, seeds, runners_up, address, listeners)
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


def run_to_end(
    folder: SweepFolder,
    config: SweepConfig,
    trials: int | None,
    address: str | None,
    listeners: Sequence[Listener],
) -> tuple[analysis.Results, str | None]:
    """Run or resume a sweep and write its tables and report.

    Returns its results, and the budget that was spent, if one was.
    """
    import analysis
    from sweep.cluster.run import run_sweep

    wait_passively()
    with _tables_if_interrupted(folder):
        spent = run_sweep(config, folder, listeners=listeners, address=address, trials=trials)
    return write_results(analysis.load(str(folder.path)), folder.path), spent


def confirm_to_end(
    folder: SweepFolder,
    config: SweepConfig,
    seeds: int,
    runners_up: int,
    address: str | None,
    listeners: Sequence[Listener] = (),
) -> tuple[analysis.Results, Confirmation]:
    """Confirm a sweep, or continue that, and write its tables and report."""
    import analysis
    from sweep.cluster.confirm import run_confirm

    wait_passively()
    with _tables_if_interrupted(folder):
        done = run_confirm(
            config,
            folder,
            seeds=seeds,
            runners_up=runners_up,
            address=address,
            listeners=listeners,
        )
    return write_results(analysis.load(str(folder.path)), folder.path), done


@contextmanager
def _tables_if_interrupted(folder: SweepFolder) -> Iterator[None]:
    """A sweep that is interrupted gets its tables, but no figures, which take seconds."""
    try:
        yield
    except Interrupted as error:
        if folder.holds_sweep:
            error.add_note("All is saved. The same call continues from there.")
            import analysis
            from analysis.tables.files import write_tables

            with written_to(folder.path) as place:
                write_tables(analysis.load(str(folder.path)), place)
        raise


def write_results(results: analysis.Results, place: Store) -> analysis.Results:
    """Write the tables, the figures and the report of a sweep into a folder."""
    from analysis import report
    from analysis.tables.files import write_tables

    with written_to(place) as folder:
        write_tables(results, folder)
        report.write_report(results, folder)
    return results


@contextmanager
def written_to(place: Store) -> Iterator[Path]:
    """A folder to write into, whose files are at the place when the block has ended.

    Raises :class:`~sweep.errors.StorageError` where they cannot be written.
    """
    try:
        with place.writing() as folder:
            yield folder
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(f"cannot write results into {place}: {reason}") from error


def wait_passively() -> None:
    """Let threads of torch sleep while they wait, here and in the workers that inherit it.

    Threads that spin slow each other down as soon as anything else runs on the machine: an epoch of
    small layers took 22 times as long. torch reads the variable when it is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
