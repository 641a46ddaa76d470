"""The registries: what a config can name, open to other packages.

Six kinds of things can be added without a change in this package: pruning criteria, structures,
tasks, metrics, samplers and listeners. A package adds one by an entry point, whose name is the name
in a config::

    [project.entry-points."prunesweep.criteria"]
    square = "my_package.criteria:square"

The entry point is the thing itself, or a module that registers it. A script or a notebook
registers a thing for its own process, and for the workers of the sweeps that it runs, by a
decorator (`sweep.register_criterion` and its siblings).

Names are known without importing anything. A thing is imported when it is first wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from sweep.errors import UsageError, first_line

T = TypeVar("T")


class Registry(Collection[str], Generic[T]):
    """The things of one ``kind`` by name.

    ``home`` is "module:TABLE", a mapping with the built-in ones. ``builtin`` has their names, and
    for each the one fact that is needed before the module is imported; for all others that fact is
    the attribute ``fact``.
    """

    def __init__(
        self, kind: str, group: str, home: str, builtin: Mapping[str, Any], fact: str = ""
    ) -> None:
        self.kind, self.group, self.builtin = kind, f"prunesweep.{group}", builtin
        self.home, self.attribute = home, fact
        self._things: dict[str, T] = {}

    def register(self, name: str, thing: T) -> T:
        """Add a thing. Raises :class:`~sweep.errors.UsageError` for a name that is taken."""
        if name in self.builtin or name in self._things:
            raise UsageError(f"there is a {self.kind} {name!r} already: choose another name")
        self._things[name] = thing
        return thing

    def __iter__(self) -> Iterator[str]:
        """All names: the built-in ones first, then those of this process and of packages."""
        return iter(dict.fromkeys([*self.builtin, *self._things, *_points(self.group)]))

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or name in self._things or name in _points(self.group)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> T:
        """A thing, imported now if it was not yet.

        Raises :class:`~sweep.errors.UsageError` for an unknown name, and for a package that cannot
        be imported.
        """
        if name not in self._things:
            self._load(name)
        return self._things[name]

    def fact(self, name: str) -> Any:
        """What is known of a built-in thing before it is imported; others are imported for it."""
        return self.builtin[name] if name in self.builtin else getattr(self[name], self.attribute)

    def origin(self, name: str) -> str:
        """Who added a thing: the name of a package, or "this process"."""
        if name in self.builtin:
            return "prunesweep"
        point = _points(self.group).get(name)
        return "this process" if point is None else _package(point)

    def added(self) -> dict[str, T]:
        """The things that this process registered: its workers cannot know them otherwise."""
        known = {*self.builtin, *_points(self.group)}
        return {name: thing for name, thing in self._things.items() if name not in known}

    def adopt(self, added: Mapping[str, T]) -> None:
        """Take what another process :meth:`added`."""
        self._things |= added

    def _load(self, name: str) -> None:
        if name in self.builtin:
            module, _, table = self.home.partition(":")
            self._things |= getattr(import_module(module), table)
            return
        point = _points(self.group).get(name)
        if point is None:
            raise UsageError(f"unknown {self.kind} {name!r}; allowed: {', '.join(self)}")
        try:
            thing = point.load()
        except Exception as error:  # whatever another package does when it is imported
            what = f"the {self.kind} {name!r} of the package {_package(point)} cannot be imported"
            raise UsageError(f"{what}: {first_line(error)}") from error
        self._things.setdefault(name, thing)  # the import may have registered it by a decorator


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module


CRITERIA: Registry[Any] = Registry(
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
"""How a weight is scored (``space.method``). The fact: the statistic that the scores need."""

STRUCTURES: Registry[Any] = Registry(
    "structure",
    "structures",
    "sweep.compress.prune.structures:STRUCTURES",
    {"element": None, "2:4": 0.5, "4:8": 0.5},
    fact="sparsity",
)
"""Which weights are pruned together (``space.granularity``). The fact: the sparsity that a
structure has whatever the params say, None where they say it.
"""

TASKS: Registry[Any] = Registry(
    "task",
    "tasks",
    "sweep.compress.tasks:TASKS",
    dict.fromkeys(("classification", "digits", "closed-form"), "accuracy"),
    fact="metric",
)
"""What a model learns (``task.kind``). The fact: the name of the task's primary metric."""

METRICS: Registry[Any] = Registry(
    "metric",
    "metrics",
    "sweep.metrics:METRICS",
    dict.fromkeys(("accuracy", "f1", "matthews"), "max"),
    fact="direction",
)
"""How an evaluation is judged (``task.metrics``, objectives). The fact: the better direction."""

SAMPLERS: Registry[Any] = Registry(
    "sampler",
    "samplers",
    "sweep.search.samplers:SAMPLERS",
    dict.fromkeys(("ehvi", "tpe", "nsga2", "gp", "random", "grid")),
)
"""What proposes params (``search.sampler``)."""

LISTENERS: Registry[Any] = Registry(
    "listener", "listeners", "sweep.cluster.listeners.terminal:LISTENERS", {"terminal": None}
)
"""What follows a sweep's events (``listeners``)."""

REGISTRIES = {
    registry.group.partition(".")[2]: registry
    for registry in (CRITERIA, STRUCTURES, TASKS, METRICS, SAMPLERS, LISTENERS)
}
"""By the name of their entry points' group, without "prunesweep."."""
