"""A front that grows is the front of all."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sweep.driver_front import Front
from sweep.pareto import nondominated

directions = st.lists(st.sampled_from(["max", "min"]), min_size=1, max_size=4)


@given(directions, st.data())
def test_it_is_the_non_dominated_set_after_every_point(
    ways: list[str], data: st.DataObject
) -> None:
    values = st.tuples(*(st.integers(0, 4) for _ in ways))
    points = data.draw(st.lists(values, min_size=1, max_size=30))
    front: Front[int] = Front(ways)
    for count, point in enumerate(points):
        before = list(front.items)
        out = front.add(count, point)
        known = np.array(points[: count + 1])
        mask = nondominated(known, ways, keep_duplicates=False)
        assert front.items == np.flatnonzero(mask).tolist()
        assert out == [item for item in before if item not in front.items]
