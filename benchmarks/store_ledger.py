"""Times to resume, read and write a long ledger in an object store.

    python -m benchmarks.store_ledger [--records 60000]

The server is moto's, in its own process on this machine. Its answers take milliseconds of CPU
time; a real store takes tens of milliseconds of waiting.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import analysis
from sweep.ledger.lines import encode
from sweep.ledger.objects import SegmentLedger
from sweep.ledger.segments import PACK, Segment, head, name_of
from sweep.ledger.store_objects import ObjectStore
from tests.ledger.server import BUCKET, s3_server

Value = TypeVar("Value")

LIMIT = 60.0
"""Limit in seconds for a resume, or for reading by a report."""


def events(records: int) -> Iterator[dict[str, Any]]:
    """Yield a sweep with ten records per trial, each with the answers to 1,000 examples."""
    yield {"event": "sweep", "version": 1, "name": "long", "config": {"objectives": OBJECTIVES}}
    for number in range(records):
        trial, epoch = f"t{number // 10:05d}", number % 10
        if epoch == 0:
            params = {"sparsity": 0.5, "finetune_epochs": 9}
            yield {"event": "trial", "trial_id": trial, "params": params, "seed": number}
        figures = {"accuracy": 0.5 + number % 1000 / 2000, "sparsity": number % 977 / 977}
        more = {"loss": 0.3, "examples": 1000, "correct": 500, "correct_bits": "A" * 168}
        place = {"trial_id": trial, "epoch": epoch, "attempt": 1, "partial": False}
        yield {"event": "record", "stage": "recovered", **place, **figures, **more}
        if epoch == 9:
            yield {"event": "end", "trial_id": trial, "status": "completed", "error": None}


OBJECTIVES = {"accuracy": "max", "sparsity": "max"}


def fill(ledger: ObjectStore, records: int) -> int:
    """Write the ledger with one segment per event; return the number of events."""
    segments = [
        Segment(number, [head(number, writer="x"), encode({**event, "time": number})])
        for number, event in enumerate(events(records), 1)
    ]
    start = -PACK
    for start in range(0, len(segments) - PACK, PACK):
        pack = segments[start : start + PACK]
        lines = b"".join(line for segment in pack for line in segment.lines)
        (ledger / name_of(pack[0].number, pack[-1].number)).write_bytes(lines)
    for segment in segments[start + PACK :]:
        (ledger / name_of(segment.number)).write_bytes(b"".join(segment.lines))
    return len(segments)


def timed(what: str, do: Callable[[], Value]) -> tuple[Value, float]:
    started = time.perf_counter()
    value = do()
    seconds = time.perf_counter() - started
    print(f"{what}: {seconds:.1f} s", flush=True)
    return value, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=60_000)
    records = parser.parse_args().records
    with s3_server() as server:
        os.environ.update(server.environment)
        sweep = ObjectStore.at(f"s3://{BUCKET}/long")
        count, _ = timed("written", lambda: fill(sweep / "ledger", records))
        print(f"{count} events, {len((sweep / 'ledger').names())} objects")
        ledger, opened = timed(
            "opened to resume", lambda: SegmentLedger.open(sweep / "ledger", create=False)
        )
        assert len(ledger.events) == count
        _, synced = timed("100 events, each synced", lambda: each_synced(ledger))
        ledger.close()
        results, loaded = timed("analysis.load", lambda: analysis.load(str(sweep)))
        assert len(results.records) == records
    good = opened < LIMIT and loaded < LIMIT
    verdict = "ok" if good else f"slower than {LIMIT:.0f} s"
    print(
        f"resume_seconds={opened:.1f} load_seconds={loaded:.1f} put_ms={synced * 10:.0f} {verdict}"
    )


def each_synced(ledger: SegmentLedger) -> None:
    for number in range(100):
        ledger.append({"event": "note", "number": number})
        ledger.sync()


if __name__ == "__main__":
    main()
