"""The script processor of the virtual 2600B: Lua in a sandbox, and the command tree as its objects.

The instrument runs Lua 5.0.2 (708B reference manual, p. 6-30, and its like). This runs Lua 5.1, which takes a little
more than the instrument does (`%`, `#` and the `...` of a function's arguments) and neither a table as an iterator nor
nested long brackets. Scripts can reach neither the host nor Python; instructions, processor time and memory of one
message are bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, NoReturn

from lupa.lua51 import LuaError, LuaRuntime

from sim_backend.panels.keithley_2600_errors import RUNTIME, SYNTAX, TspError
from sim_backend.panels.keithley_2600_nodes import Arguments, Node, NotAValue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim_backend.panels.keithley_2600_nodes import Argument, Handler, Value

MEMORY: Final = 32 * 2**20
"""Bytes that scripts and their values may take (assumption)."""
HARD_MEMORY: Final = 96 * 2**20
"""Bytes at which Lua itself stops; what lies between the two is room for one instruction and for the host."""
LONGEST_STRING: Final = 8 * 2**20
"""Characters that `string.rep` makes (assumption: the sandbox's own bound)."""
_FILES: Final = resources.files("sim_backend.panels")
_SANDBOX: Final = _FILES.joinpath("keithley_2600_sandbox.lua").read_text()
_FACTORY: Final = _FILES.joinpath("keithley_2600_factory.lua").read_text()
_PLACE: Final = re.compile(r"tsp:(\d+): (.*)", re.DOTALL)
_QUOTED: Final = re.compile(r"'([^'\n]*)'")
_MEMORY: Final = "not enough memory"
_ABORTED: Final = "script aborted"


class ScriptAborted(Exception):  # noqa: N818 (it is no error of the program)
    """A script has used up what it may use, in time for instance; nothing of it goes on."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one message may use.

    Args:
        instructions: of Lua; a call of the instrument counts for 20 (assumption: the instrument has no such bound, its
            host would abort the script).
        seconds: of the processor that runs the twin.
    """

    instructions: int = 100_000_000
    seconds: float = 10.0


class LuaMachine:
    """One script processor, with the standard libraries and nothing of an instrument.

    Args:
        bounds: of every chunk that it runs.
        fail: takes the errors that a command causes and that do not stop its script.
        tick: called at every call of the instrument, which takes its time.
    """

    def __init__(self, bounds: Bounds, fail: Callable[[TspError], None], tick: Callable[[], None]) -> None:
        self._fail = fail
        self._tick = tick
        self._runtime = LuaRuntime(
            encoding="latin-1",
            attribute_filter=_refuse,
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            max_memory=HARD_MEMORY,
        )
        room = self._runtime.execute(_SANDBOX, bounds.instructions, bounds.seconds, LONGEST_STRING, MEMORY / 1024)
        self._begin, self._stop, self._call = room["begin"], room["stop"], room["call"]
        self._load, self._define, self._reap = room["load"], room["define"], room["reap"]
        self._getter, self._method, self._printer = room["getter"], room["method"], room["printer"]
        self._set, self._over, self._script = room["set"], room["over"], room["script"]
        self._has_exited, self._iterator = room["has_exited"], room["iterator"]
        self._owners: dict[int, object] = {}
        self._gone: list[object] = []
        self._escaped: Exception | None = None
        self._last_number = 0

    def install(self, name: str, value: Node | Handler) -> None:
        """Make an object or a function a global of every script."""
        self.put(name, self.build(value) if isinstance(value, Node) else self._function(value))

    def put(self, name: str, value: Any, where: Any = None) -> None:
        """Set a global, or a field of the Lua object `where`; what scripts hooked into assignments is not run."""
        self._set(where, name, value)

    def script(self, name: str, source: str, show: Handler) -> Any:
        """Return the Lua object of a script; `show` sends its listing.

        Raises:
            TspError: -285 if it is no Lua.
        """
        return self._script(name, source, self.compile(source), self._function(show))

    def iterator(self, names: Sequence[str]) -> Any:
        """Return a Lua function that returns one of the names at each call, and nil after the last."""
        return self._iterator(*names)

    def install_print(self, handler: Handler) -> None:
        """Make `handler`, which gets numbers and ready-made texts, the `print` of every script."""
        self.put("print", self._printer(self._guarded(handler)))

    def install_factory_scripts(self) -> None:
        """Load the scripts that the instrument comes with."""
        chunk, message = self._load(_FACTORY, "factory")
        if chunk is None:
            raise AssertionError(message)
        chunk()

    def build(self, node: Node) -> Any:
        """Return the Lua object of a node, with its parts."""
        number = None
        if node.owner is not None:
            self._last_number += 1
            number = self._last_number
            self._owners[number] = node.owner
        table = self._runtime.table_from
        getters = {name: self._getter(self._getting(entry.get)) for name, entry in node.attributes.items()}
        setters = {
            name: self._function(_putting(entry.put))
            for name, entry in node.attributes.items()
            if entry.put is not None
        }
        objects: dict[str | int, Any] = {**node.constants}
        objects |= {name: self._function(handler) for name, handler in node.functions.items()}
        objects |= {name: self.build(part) for name, part in node.parts.items()}
        get_item = None if node.get_item is None else self._function(_getting_item(node.get_item))
        put_item = None if node.put_item is None else self._function(_putting_item(node.put_item))
        return self._define(node.kind, number, table(getters), table(setters), table(objects), get_item, put_item)

    @property
    def exhausted(self) -> bool:
        """Whether what scripts keep leaves too little memory for others."""
        if self._over():
            self._gone = self.unreachable(thoroughly=True)
        return bool(self._over())

    def unreachable(self, thoroughly: bool = False) -> list[object]:
        """Return the owners of objects that no script can reach any more, and forget them."""
        numbers = [int(number) for number in self._reap(thoroughly).values()]
        self._gone += [self._owners.pop(number) for number in numbers if number in self._owners]
        gone, self._gone = self._gone, []
        return gone

    def compile(self, source: str) -> Any:
        """Return the chunk that a text is.

        Raises:
            TspError: -285 if it is none, -225 if there is no memory for it.
        """
        try:
            chunk, message = self._load(source, "tsp")
        except LuaError:
            raise TspError(-225) from None
        if chunk is None:
            _raise(SYNTAX, "TSP Syntax error", str(message))
        return chunk

    def run(self, chunk: Any) -> None:
        """Run a chunk within its bounds.

        Raises:
            TspError: -286 if it fails or takes too much, -225 if there is no memory left for it.
            Exception: what a command raised that is no error of the instrument, e.g. ModelError.
        """
        try:
            self._begin()
            found = self._call(chunk)
        except LuaError as error:
            found = False, str(error)
        finally:
            self._stop()
        if self._escaped is not None:
            escaped, self._escaped = self._escaped, None
            raise escaped
        if found is True or found[0] or self._has_exited():
            return
        message = found[1]
        if isinstance(message, str) and _MEMORY in message:
            raise TspError(-225)
        if not isinstance(message, (str, int, float)):
            message = "(error object is not a string)"
        _raise(RUNTIME, "TSP Runtime error", str(message))

    def _function(self, handler: Handler) -> Any:
        return self._method(self._guarded(handler))

    def _getting(self, get: Callable[[], Value]) -> Callable[..., object]:
        return self._guarded(lambda _: get())

    def _guarded(self, handler: Handler) -> Callable[..., object]:
        """Return what Lua calls: it never raises, and answers true and values, false and a text, or nil."""

        def call(kinds: str, *values: Any) -> object:
            try:
                self._tick()
                answer = handler(Arguments([self._argument(*pair) for pair in zip(kinds, values, strict=True)]))
                if isinstance(answer, Node):
                    return True, self.build(answer)
            except TspError as error:
                if error.code == RUNTIME:
                    return False, error.text
                self._fail(error)
                return True
            except (ScriptAborted, LuaError):
                return None
            except Exception as error:  # noqa: BLE001 (no script may get hold of it; it goes on where the chunk was run)
                self._escaped = error
                return None
            return (True, *answer) if isinstance(answer, tuple) else (True, answer)

        return call

    def _argument(self, kind: str, value: Any) -> Argument:
        if kind == "n":
            return float(value)
        if kind == "o":
            return self._owners.get(int(value))
        if kind == "t":
            return [float(entry) if entry is not False else float("nan") for entry in value.values()]
        return NotAValue() if kind == "f" else value


def _putting(put: Callable[[Argument], None]) -> Handler:
    def handler(arguments: Arguments) -> None:
        put(arguments.get(0))

    return handler


def _getting_item(get: Callable[[int], Value]) -> Handler:
    return lambda arguments: get(int(arguments.number(0)))


def _putting_item(put: Callable[[int, Argument], None]) -> Handler:
    def handler(arguments: Arguments) -> None:
        put(int(arguments.number(0)), arguments.get(1))

    return handler


def _refuse(_object: object, name: object, _setting: bool) -> NoReturn:
    """Keep Lua from attributes of Python objects; no such object is handed to it in the first place."""
    raise AttributeError(name)


def _raise(code: int, kind: str, message: str) -> NoReturn:
    """Raise the instrument's error for a message of Lua, with its line and quotes as the instrument writes them."""
    message = message.split("\nstack traceback:")[0]
    found = _PLACE.search(message)
    line, text = (found[1], found[2]) if found else ("1", message)
    text = _QUOTED.sub(r"`\1'", text)
    raise TspError(code, text=f"{kind} at line {line}: {text}")
