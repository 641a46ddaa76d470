from __future__ import annotations

from analysis import format as words
from sweep.ledger.metric import PrimaryMetric


def test_numbers_for_people() -> None:
    assert words.percent(0.5) == "50.00 %" and words.percent(None) == words.UNKNOWN
    assert words.number(20_000) == "20,000" and words.number(float("nan")) == words.UNKNOWN
    assert words.number(1.5e-5) == "1.5e-05" and words.number(float("inf")) == "inf"
    assert words.number(True) == words.UNKNOWN
    assert words.megabytes(1_250_000) == "1.25 MB"
    assert words.count(1, "trial") == "1 trial" and words.count(2000, "trial") == "2,000 trials"


def test_intervals_and_differences_of_shares() -> None:
    form = words.MetricFormat(PrimaryMetric())
    assert form.span(0.871, 0.9124) == "87.1 to 91.2 %" and form.span(0.1, None) == words.UNKNOWN
    assert form.difference(0.0125) == "+1.25" and form.difference(-0.02) == "-2.00"


def test_durations() -> None:
    assert words.duration(59.94) == "59.9 s" and words.duration(7500) == "2 h 05 min"
    assert words.duration(723) == "12 min 03 s" and words.duration(None) == words.UNKNOWN


def test_text_is_one_line_of_bounded_length() -> None:
    assert words.short(" a\n\tb\r\nc ") == "a b c"
    assert words.short("x" * 400) == "x" * 297 + "..."
    assert words.short("x" * 300) == "x" * 300
