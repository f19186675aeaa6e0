"""Names and what they stand for: built in, registered by the program, or offered by installed plugins.

Plugins announce themselves through entry points. Listing reads names only; a plugin is imported when its name is first
asked for, and a plugin that fails is one `PluginError` for that name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import EntryPoint, distributions, entry_points
from typing import Any, Generic, TypeVar

from skdyn.exceptions import PluginError
from skdyn.models.sharing import SharedLock

T = TypeVar("T")


@contextmanager
def plugin_call(name: str, what: str, promised: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Run a plugin's code: whatever it raises, even an exit, is one `PluginError` of its name.

    Only KeyboardInterrupt passes, which is the user's, and what the plugin promises to raise.

    Parameters
    ----------
    name : str
        Of the plugin.
    what : str
        What it does not do where it raises, such as ``"fails to import"``.
    promised : tuple of exception classes

    Examples
    --------
    >>> with plugin_call("'mine'", "fails to start"):
    ...     raise SystemExit(3)
    Traceback (most recent call last):
    skdyn.exceptions.PluginError: 'mine' fails to start: SystemExit: 3
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except promised:
        raise
    except BaseException as error:
        raise PluginError(f"{name} {what}: {type(error).__name__}: {_words(error)}") from error


def _words(error: BaseException) -> str:
    """What an error says; its class is the plugin's too."""
    try:
        return str(error)
    except Exception:
        return "an error that cannot be printed"


class Catalogue(Generic[T]):
    """The names of one entry-point group.

    Parameters
    ----------
    group : str
        Such as ``"skdyn.models"``.
    builtin : mapping of str to str
        Names that no plugin can take, and where each is found, as ``"module:attribute"``.
    check : callable (name, value, origin) -> value
        Raises PluginError if what an entry point names is not what the group holds.
    """

    def __init__(self, group: str, builtin: Mapping[str, str], check: Callable[[str, Any, str], T]) -> None:
        self.group = group
        self._builtin, self._check = builtin, check
        self._lock = SharedLock()
        self._registered: dict[str, T] = {}
        self._loaded: dict[tuple[str, str], T] = {}

    def names(self) -> list[str]:
        """All names, sorted; nothing is imported."""
        return sorted({*self._builtin, *self._registered, *self._entry_points()})

    def is_builtin(self, name: str) -> bool:
        """Whether this package itself offers the name."""
        return name in self._builtin

    def get(self, name: str) -> T:
        """What a name stands for.

        Raises
        ------
        PluginError
            If there is no such name, or the plugin that offers it is broken.
        """
        with self._lock.held():
            if target := self._builtin.get(name):
                module, attribute = target.split(":")
                return getattr(import_module(module), attribute)
            if name in self._registered:
                return self._registered[name]
            entries = self._entry_points().get(name, [])
            if not entries:
                known = ", ".join(self.names())
                raise PluginError(f"nothing is registered as {name!r} in {self.group}; known names: {known}")
            if len(entries) > 1:
                origins = ", ".join(map(_origin, entries))
                raise PluginError(f"{self.group}: {name!r} is offered twice: {origins}; uninstall one")
            return self._load(entries[0])

    def register(self, name: str, value: Any, origin: str) -> None:
        """Make a name known to this process; one in use, or none at all, is a PluginError."""
        checked = self._check(name, value, origin)
        if not (isinstance(name, str) and name):
            raise PluginError(f"{self.group}: {origin} was given the name {name!r}: give a str that is not empty")
        with self._lock.held():
            if name in self.names():
                known = ", ".join(self.names())
                raise PluginError(f"{self.group}: the name {name!r} is taken; known names: {known}")
            self._registered[name] = checked

    def problems(self) -> list[PluginError]:
        """What is wrong with the installed plugins; importing all of them to find out."""
        problems = list(self._announced()[1])
        for name in self.names():
            try:
                self.get(name)
            except PluginError as error:
                problems.append(error)
        offered = self._entry_points()
        for name in sorted(self._builtin.keys() & offered.keys()):
            where = ", ".join(map(_origin, offered[name]))
            problems.append(PluginError(f"{self.group}: {where} offers {name!r}, a built-in name, and is ignored"))
        return problems

    def _entry_points(self) -> dict[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        for entry in self._announced()[0]:
            same = found.setdefault(entry.name, [])
            if all(entry.value != other.value or _origin(entry) != _origin(other) for other in same):
                same.append(entry)
        return found

    def _announced(self) -> tuple[list[EntryPoint], list[PluginError]]:
        """All entry points of the group, and the packages that have unreadable ones."""
        try:
            return list(entry_points(group=self.group)), []
        except Exception:  # one unreadable file fails the whole search, which is then done package by package
            found: list[EntryPoint] = []
            problems = []
            for package in distributions():
                try:
                    found.extend(package.entry_points.select(group=self.group))
                except Exception as error:
                    problems.append(
                        PluginError(f"{self.group}: the entry points of {_package(package)} cannot be read: {error}")
                    )
            return found, problems

    def _load(self, entry: EntryPoint) -> T:
        key = (entry.name, entry.value)
        if key not in self._loaded:
            plugin = f"{self.group}: {entry.name!r} of {_origin(entry)}"
            with plugin_call(plugin, "fails to import"):
                value = entry.load()
            with plugin_call(plugin, "cannot be checked", (PluginError,)):
                self._loaded[key] = self._check(entry.name, value, _origin(entry))
        return self._loaded[key]


def _package(distribution: Any) -> str:
    try:
        return distribution.name or "an unknown package"
    except Exception:  # a folder without METADATA, left over by an uninstall
        return "an unknown package"


def _origin(entry: EntryPoint) -> str:
    return f"{_package(entry.dist)} ({entry.value})"
