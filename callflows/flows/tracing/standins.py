"""What stands for a value or a template that could not be made, so that rendering goes on after a mistake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import UndefinedError

from ...marks import UNKNOWN


class Unknown(Undefined):
    """Stands for a value that could not be made. Whatever is done with it gives itself, and no second problem."""

    __slots__ = ()

    def _itself(self, *args: Any, **kwargs: Any) -> Any:
        return self

    def _false(self, *args: Any) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        return self

    def __str__(self) -> str:
        return UNKNOWN

    __html__ = __str__
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _itself
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __pos__ = __neg__ = _itself
    __call__ = __getitem__ = _itself
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _false  # type: ignore[assignment]
    __hash__ = Undefined.__hash__


NOTHING = Unknown()


class Absent(StrictUndefined):
    """A name that is not there. Its error tells which value it is, so that one is complained of only once."""

    __slots__ = ("told",)

    def __init__(self, hint: str | None = None, obj: Any = ..., name: Any = None, exc: Any = UndefinedError) -> None:
        def error(message: str) -> BaseException:
            made: BaseException = exc(message)
            made.absent = self  # type: ignore[attr-defined]
            return made

        self.told = False
        known = {} if obj is ... else {"obj": obj}
        super().__init__(hint, name=name, exc=error, **known)  # type: ignore[arg-type]


def tainted(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(tainted, value.values()))
    if isinstance(value, list | tuple):
        return any(map(tainted, value))
    return isinstance(value, Unknown) or (isinstance(value, str) and UNKNOWN in value)


class Optional:
    """A name an include may miss."""

    def __init__(self, names: Any) -> None:
        self.names = names


class NoModule:
    def __init__(self, written: str) -> None:
        self._body_stream = [written]

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        return NOTHING


class NoTemplate:
    """In place of one that is not there or does not compile. As a parent it shows the blocks it is given."""

    def __init__(self, written: str) -> None:
        self._written = written
        self.blocks: dict[str, Any] = {}

    def new_context(self, *args: Any) -> NoTemplate:
        return self

    def root_render_func(self, context: Any) -> Any:
        if not context.blocks:
            yield self._written
        for name in list(context.blocks):
            yield from context.blocks[name][0](context)

    def make_module(self, *args: Any) -> NoModule:
        return NoModule(self._written)

    _get_default_module = make_module
