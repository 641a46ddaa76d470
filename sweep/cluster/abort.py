"""How the driver leaves Ray Tune's loop at once."""

from __future__ import annotations

from sweep.errors import SweepError


class Abort(BaseException):
    """Ends the loop from inside a hook.

    Not an ``Exception``: Tune catches those, turns them into trial failures, and would spend up to
    15 s asking busy workers to stop. Nothing of ours needs that: the ledger has everything.
    """

    def __init__(self, error: SweepError) -> None:
        self.error = error
        super().__init__(str(error))


class Interrupted(SweepError):
    """A signal asked the sweep to stop; its state is saved."""

    def __init__(self, signal_name: str, number: int) -> None:
        self.signal_name = signal_name
        self.exit_code = 128 + number
        super().__init__(f"interrupted by {signal_name}")
