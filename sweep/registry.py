"""The registries of the objects that a config can name. Other packages can add to them.

There are six kinds: pruning criteria, structures, tasks, metrics, samplers and listeners. A package
adds an object by an entry point, whose name is the name in a config::

    [project.entry-points."prunesweep.criteria"]
    square = "my_package.criteria:square"

The entry point is the object itself, or a module that registers it. A script or a notebook uses a
decorator (`sweep.register_criterion` and others), which registers an object in its own process and
in the workers of its sweeps.

Names are known without any import. An object is imported at its first use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from sweep.errors import UsageError, first_line


class Registry(Collection[str]):
    """The objects of one ``kind`` by name.

    ``home`` is "module:TABLE", a mapping of the built-in objects. ``builtin`` maps their names to
    the one fact that is needed before the import of the module. For other objects, this fact is
    their attribute ``fact``.
    """

    def __init__(
        self, kind: str, group: str, home: str, builtin: Mapping[str, Any], fact: str = ""
    ) -> None:
        self.kind, self.group, self.builtin = kind, f"prunesweep.{group}", builtin
        self.home, self.attribute = home, fact
        self._things: dict[str, Any] = {}

    def register(self, name: str, thing: Any, replace: bool = False) -> None:
        """Add an object, or ``replace`` one that this process registered before.

        Raises :class:`~sweep.errors.UsageError` if the name is already used.
        """
        taken = name in self.builtin or name in self._things
        if taken and not (replace and name in self.added()):
            raise UsageError(f"the {self.kind} {name!r} already exists; choose another name")
        self._things[name] = thing

    def __iter__(self) -> Iterator[str]:
        """All names: first built-in ones, then those of this process, then those of packages."""
        return iter(dict.fromkeys([*self.builtin, *self._things, *_points(self.group)]))

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or name in self._things or name in _points(self.group)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> Any:
        """The object of this name, which is imported if necessary.

        Raises :class:`~sweep.errors.UsageError` if the name is unknown or its package cannot be
        imported.
        """
        if name in self._things:
            return self._things[name]
        if name in self.builtin:
            module, _, table = self.home.partition(":")
            self._things |= getattr(import_module(module), table)
            return self._things[name]
        point = _points(self.group).get(name)
        if point is None:
            raise UsageError(f"unknown {self.kind} {name!r}; allowed: {', '.join(self)}")
        try:
            thing = point.load()
        except Exception as error:  # the import of another package can raise any error
            what = f"cannot import the {self.kind} {name!r} of the package {_package(point)}"
            raise UsageError(f"{what}: {first_line(error)}") from error
        # The import may have registered it by a decorator.
        return self._things.setdefault(name, thing)

    def fact(self, name: str) -> Any:
        """The fact of an object. Only objects that are not built in are imported for it."""
        return self.builtin[name] if name in self.builtin else getattr(self[name], self.attribute)

    def origin(self, name: str) -> str:
        """The origin of an object: the name of a package, or "this process"."""
        if name in self.builtin:
            return "prunesweep"
        point = _points(self.group).get(name)
        return "this process" if point is None else _package(point)

    def added(self) -> dict[str, Any]:
        """The objects that this process registered and must send to its workers."""
        known = {*self.builtin, *_points(self.group)}
        return {name: thing for name, thing in self._things.items() if name not in known}

    def adopt(self, added: Mapping[str, Any]) -> None:
        """Register the objects that another process :meth:`added`."""
        self._things |= added


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module


CRITERIA = Registry(
    "pruning criterion",
    "criteria",
    "sweep.compress.prune.criteria:CRITERIA",
    {
        "l1-norm": "none",
        "random": "none",
        "taylor": "gradient",
        "wanda": "input-norm",
        "lamp": "none",
        "sparsegpt": "inverse-factor",
        "movement": "movement",
    },
    fact="needs",
)
"""Pruning criteria, ``space.method``. The fact: the statistic that the scores need."""

STRUCTURES = Registry(
    "structure",
    "structures",
    "sweep.compress.prune.structures:STRUCTURES",
    {"element": None, "2:4": 0.5, "4:8": 0.5},
    fact="sparsity",
)
"""Which weights are pruned together, ``space.granularity``. The fact: the fixed sparsity of a
structure, or None if the params set the sparsity.
"""

TASKS = Registry(
    "task",
    "tasks",
    "sweep.compress.tasks:TASKS",
    dict.fromkeys(("classification", "digits", "closed-form"), "accuracy"),
    fact="metric",
)
"""Tasks, ``task.kind``. The fact: the name of the task's primary metric."""

METRICS = Registry(
    "metric",
    "metrics",
    "sweep.metrics:METRICS",
    dict.fromkeys(("accuracy", "f1", "matthews"), "max"),
    fact="direction",
)
"""Metrics, ``task.metrics`` and objectives. The fact: the better direction."""

SAMPLERS = Registry(
    "sampler",
    "samplers",
    "sweep.search.samplers:SAMPLERS",
    dict.fromkeys(("ehvi", "tpe", "nsga2", "gp", "random", "grid")),
)
"""Samplers, which propose params, ``search.sampler``."""

LISTENERS = Registry(
    "listener", "listeners", "sweep.cluster.listeners.terminal:LISTENERS", {"terminal": None}
)
"""Listeners, which follow the events of a sweep, ``listeners``."""

REGISTRIES = {
    registry.group.partition(".")[2]: registry
    for registry in (CRITERIA, STRUCTURES, TASKS, METRICS, SAMPLERS, LISTENERS)
}
"""The registries by the group of their entry points without "prunesweep."."""
