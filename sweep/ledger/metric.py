"""The primary metric of a sweep, as the first event of its ledger describes it, and its columns.

A record has the value of the metric under the metric's name, and three more figures:
``<metric>_se``, ``baseline_<metric>`` and ``<metric>_drop``. Tables add ``test_<metric>`` and
others. Readers of a ledger take these names from here, so that no code depends on the metric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweep.ledger.record import figure


@dataclass(frozen=True)
class PrimaryMetric:
    """The metric by which a sweep compares its trials.

    ``direction`` is "max" or "min". ``unit`` is "share" for values in [0, 1], else any word or "".
    ``worst`` is the worst possible value, and ``chance`` the value of a model that ignores its
    input; each is None if there is no such value or it is unknown. A ledger of version 0.1 names no
    metric: its metric is accuracy.

    >>> metric = PrimaryMetric()
    >>> metric.se, metric.baseline, metric.drop, metric.test
    ('accuracy_se', 'baseline_accuracy', 'accuracy_drop', 'test_accuracy')
    """

    name: str = "accuracy"
    direction: str = "max"
    unit: str = "share"
    worst: float | None = 0.0
    chance: float | None = None

    @classmethod
    def of(cls, head: Mapping[str, Any]) -> PrimaryMetric:
        """The metric that the first event of a ledger names; accuracy if it names none."""
        name, facts = head.get("metric"), head.get("metrics")
        found = facts.get(name) if isinstance(facts, Mapping) else None
        if not isinstance(name, str) or not isinstance(found, Mapping):
            return cls()
        direction = "min" if found.get("direction") == "min" else "max"
        unit = str(found.get("unit") or "")
        return cls(name, direction, unit, figure(found, "worst"), figure(found, "chance"))

    @property
    def se(self) -> str:
        """The key of a value's standard error."""
        return f"{self.name}_se"

    @property
    def baseline(self) -> str:
        """The key of the dense model's value."""
        return f"baseline_{self.name}"

    @property
    def drop(self) -> str:
        """The key of the drop from the dense model's value, positive if the value is worse."""
        return f"{self.name}_drop"

    @property
    def low(self) -> str:
        """The column of the lower end of a value's 95 % interval."""
        return f"{self.name}_low"

    @property
    def high(self) -> str:
        """The column of the upper end of a value's 95 % interval."""
        return f"{self.name}_high"

    @property
    def validation(self) -> str:
        """The key of a retrained model's value on validation."""
        return f"validation_{self.name}"

    @property
    def test(self) -> str:
        """The column of the mean value on test; ``_low``, ``_high``, ``_spread`` are suffixes."""
        return f"test_{self.name}"

    @property
    def is_share(self) -> bool:
        """Whether values lie in [0, 1] and are shown as percentages and percentage points."""
        return self.unit == "share"

    def worsening(self, value: Any, baseline: Any) -> Any:
        """The drop from ``baseline`` to ``value``, which are numbers, or arrays of them.

        >>> PrimaryMetric().worsening(0.75, 1.0), PrimaryMetric("rmse", "min").worsening(3.0, 2.0)
        (0.25, 1.0)
        """
        return baseline - value if self.direction == "max" else value - baseline
