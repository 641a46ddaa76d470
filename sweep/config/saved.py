"""The config in the ledger of a sweep, and whether another config equals it."""

from __future__ import annotations

from pydantic import ValidationError

from sweep.config import SweepConfig
from sweep.config.load import config_problems, parse_config
from sweep.config.text import config_diff
from sweep.errors import UsageError
from sweep.ledger.folder import SweepFolder
from sweep.ledger.store import read_text
from sweep.space.explain import UNKNOWN_NAME


def begun_with(folder: SweepFolder) -> SweepConfig:
    """The config in the first event of the ledger, validated.

    Raises :class:`~sweep.errors.UsageError` if this version cannot run it.
    """
    try:
        return SweepConfig.model_validate(folder.saved_config())
    except ValidationError as error:
        wrong = config_problems(error)
        lines = [f"{folder.ledger} has settings that cannot run here:"]
        lines += [f"  {problem.line}" for problem in wrong]
        if any(problem.what == UNKNOWN_NAME for problem in wrong):
            lines.append(
                "If a package adds a name that is not known here, install it. If a script or a "
                "notebook registers the name, call sweep.resume there."
            )
        raise UsageError("\n".join(lines)) from None


def check_same(folder: SweepFolder, config: SweepConfig) -> None:
    """Raise :class:`~sweep.errors.UsageError` with all differences if ``config`` is not that of the
    sweep. Listeners may differ.
    """
    # Validated by this version, so that settings which older versions do not have get defaults.
    begun, given = (
        c.model_dump(mode="json", exclude={"listeners"}) for c in (begun_with(folder), config)
    )
    if changes := config_diff(begun, given):
        raise UsageError(
            f"{folder.path} already has a sweep with other settings:\n"
            + "\n".join(f"  {line}" for line in changes)
            + "\nchoose another folder with --out, or continue the old sweep with: "
            + f"sweep resume {folder.path}"
        )


def check_config(folder: SweepFolder) -> None:
    """Raise :class:`~sweep.errors.UsageError` if the folder's config.yaml differs from the ledger.

    A missing config.yaml is allowed.
    """
    if (text := read_text(folder.config)) is not None:
        check_same(folder, parse_config(text, source=str(folder.config)))
