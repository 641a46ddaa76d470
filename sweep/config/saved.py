"""The config that a sweep was begun with, and whether another one goes on with that sweep."""

from __future__ import annotations

from pydantic import ValidationError

from sweep.config import SweepConfig
from sweep.config.load import parse_config
from sweep.config.problems import problems_of
from sweep.config.text import config_diff
from sweep.errors import UsageError
from sweep.ledger.folder import SweepFolder
from sweep.ledger.store import read_text


def begun_with(folder: SweepFolder) -> SweepConfig:
    """The config that the ledger began with, checked.

    Raises :class:`~sweep.errors.UsageError` where it is none that this version can run.
    """
    try:
        return SweepConfig.model_validate(folder.saved_config())
    except ValidationError as error:
        what = problems_of(error)[0].line
        raise UsageError(f"{folder.ledger} began with settings of another kind: {what}") from None


def check_same(folder: SweepFolder, config: SweepConfig) -> None:
    """Refuse to go on with other settings than the sweep was begun with, except other listeners.

    Raises :class:`~sweep.errors.UsageError` with the differences.
    """
    # As this version reads it: a setting that came since has its default.
    begun, given = (
        c.model_dump(mode="json", exclude={"listeners"}) for c in (begun_with(folder), config)
    )
    if changes := config_diff(begun, given):
        raise UsageError(
            f"{folder.path} holds another sweep; its settings differ:\n"
            + "\n".join(f"  {line}" for line in changes)
            + "\nchoose another folder with --out, or go on with the old one: "
            + f"sweep resume {folder.path}"
        )


def check_config(folder: SweepFolder) -> None:
    """Refuse to go on where the config beside the ledger says other settings than that.

    Raises :class:`~sweep.errors.UsageError`. A config that is not there says nothing.
    """
    if (text := read_text(folder.config)) is not None:
        check_same(folder, parse_config(text, source=str(folder.config)))
