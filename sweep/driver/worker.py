"""The actor that runs trials, one after another, and keeps data and dense weights warm."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune

from sweep.config import SweepConfig
from sweep.errors import StorageError, SweepError, UsageError

if TYPE_CHECKING:
    from sweep.baseline import Workbench
    from sweep.trial import Record


class Worker(tune.Trainable):  # type: ignore[misc]
    """A step is one record. What goes wrong in a trial is a result too, never an exception."""

    def setup(self, config: dict[str, Any], settings: dict[str, Any], checkpoints: str) -> None:
        """Called once an actor; ``settings`` is the resolved config."""
        self.settings, self.root = settings, Path(checkpoints)
        self.bench: Workbench | None = None
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Called for each further trial of the actor."""
        self.assignment = new_config
        self.records: Iterator[Record] | None = None
        return True

    def step(self) -> dict[str, Any]:
        """The next record of the trial, or why there is none."""
        try:
            if self.records is None:
                self.records = self._run()
            record = next(self.records)
            return {"record": json.dumps(record.to_dict()), "worker": _worker_name()}
        except (StorageError, OSError) as error:  # a full disk, say: no trial's own fault
            return {"storage_error": str(error)}
        except UsageError as error:  # nor is a model or a file that is gone since the baseline
            return {"usage_error": str(error)}
        except SweepError as error:
            return {"error": str(error)}
        except Exception as error:  # the sweep goes on without this trial
            return {"error": f"{type(error).__name__}: {error}"}

    def _run(self) -> Iterator[Record]:
        """Records after the last one that the ledger has, from the newest whole checkpoint."""
        from sweep import checkpoint
        from sweep.params import Params
        from sweep.trial import Record, Trial

        given, after = self.assignment, self.assignment["after"]
        identity = {key: given[key] for key in ("trial_id", "params", "seed")}
        trial = Trial.on(self._bench(), Params.of(given["params"]), given["seed"])
        reported = -1 if after is None else after
        found = checkpoint.latest(self.root, given["trial_id"])
        if found is not None and all(found[1][key] == identity[key] for key in identity):
            trial.load_state_dict(found[0])
            if trial.epoch > reported:
                yield Record(**found[1]["record"])
        for record in trial.run():
            if record.epoch > 0:  # the masks of epoch 0 are drawn again from the seed
                folder = checkpoint.epoch_folder(self.root, given["trial_id"], record.epoch)
                note = {**identity, "record": record.to_dict()}
                checkpoint.save(folder, trial.state_dict(), note)
            if record.epoch > reported:
                yield record

    def _bench(self) -> Workbench:
        if self.bench is None:
            self.bench = make_bench(self.settings)
        return self.bench


def make_bench(settings: dict[str, Any]) -> Workbench:
    """A workbench in this process, with as many threads as it has CPUs to itself."""
    import torch

    from sweep.baseline import Workbench

    config = SweepConfig.model_validate(settings)
    torch.set_num_threads(max(1, int(config.resources.cpu)))
    return Workbench(config, None if config.resources.gpu else "cpu")


def prepare(settings: dict[str, Any], threads: int) -> dict[str, Any]:
    """Tokenise, load or finetune the dense model, evaluate it: once a sweep, in a worker process.

    Returns the figures of the ``baseline`` event, or ``{"error": kind, "message": text}``.
    """
    from sweep.baseline import check_usable

    try:
        bench = make_bench(settings)
        import torch

        torch.set_num_threads(threads)
        check_usable(bench)
        figures = bench.baseline()
        return {**figures, "warnings": bench.warnings, "model": bench.config.model or "fresh"}
    except SweepError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except OSError as error:
        return {"error": StorageError.__name__, "message": str(error)}


def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
