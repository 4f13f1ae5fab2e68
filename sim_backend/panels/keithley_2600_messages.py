"""How the 2600B understands messages: Lua chunks, common commands, and scripts that are loaded line by line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sim_backend.panels.keithley_2600_errors import RUNTIME, TspError
from sim_backend.panels.keithley_2600_lua import ScriptAborted
from sim_backend.panels.keithley_2600_nodes import Arguments, Node, check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim_backend.panels.keithley_2600_instrument import Instrument
    from sim_backend.panels.keithley_2600_nodes import Handler

LONGEST_SCRIPT: Final = 1_000_000
"""Characters of a script (assumption)."""
MOST_SCRIPTS: Final = 100
"""Named scripts (assumption)."""
_LOADING: Final = re.compile(r"\s*(loadscript|loadandrunscript)(?:\s+([A-Za-z_]\w{0,254}))?\s*", re.ASCII)
_COMMON: Final = re.compile(r"\*([A-Za-z]+)(\??)(?:\s+(\S+))?", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z_]\w{0,254}", re.ASCII)
FACTORY_SCRIPTS: Final = ("KISweep", "KIPulse", "KIHighC", "KIParlib", "KISavebuffer")
_RESERVED: Final = frozenset(("smua", "smub", "status", "trigger", "format", "localnode", "errorqueue", "script"))


class Interpreter:
    """Obeys messages.

    Args:
        instrument: that obeys.
    """

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._loading: tuple[str, bool] | None = None
        self._lines: list[str] = []
        self._size = 0
        self._common: dict[str, Callable[[str | None], object]] = {
            "IDN?": lambda _: instrument.identity,
            "CLS": lambda _: instrument.status.clear(),
            "RST": lambda _: instrument.reset(),
            "OPC": lambda _: instrument.complete_when_idle(),
            "OPC?": self._answer_when_idle,
            "WAI": lambda _: instrument.wait(),
            "TRG": lambda _: instrument.triggers.command.fire(),
            "TST?": lambda _: "0",
            "ESR?": lambda _: str(instrument.status.read_standard()),
            "STB?": lambda _: str(instrument.status.byte()),
            "ESE?": lambda _: str(instrument.status.standard_enable),
            "SRE?": lambda _: str(instrument.status.request_enable),
            "ESE": lambda text: setattr(instrument.status, "standard_enable", _bits(text)),
            "SRE": lambda text: setattr(instrument.status, "request_enable", _bits(text)),
        }
        self._table = self._install()

    def execute(self, message: str) -> list[bytes]:
        """Obey one message; return the replies, each with its newline."""
        instrument = self._instrument
        instrument.surroundings.begin_message()
        try:
            self._obey(message)
        except TspError as error:
            instrument.surroundings.fail(error)
        except ScriptAborted:
            instrument.surroundings.fail(_aborted())
        if instrument.machine.exhausted:
            # The run-time environment starts anew, so that the instrument goes on (assumption).
            instrument.start_machine()
            self._table = self._install()
        instrument.settle()
        self._prompt()
        return instrument.take_replies()

    def forget(self) -> None:
        """Leave a script that was not loaded to its end."""
        self._loading, self._lines, self._size = None, [], 0

    def _obey(self, message: str) -> None:
        message = message.removesuffix("\r")
        if self._loading is not None:
            self._take_line(message)
        elif found := _LOADING.fullmatch(message):
            self._loading = found[2] or "", found[1] == "loadandrunscript"
        elif message.lstrip().startswith("*"):
            for part in message.split(";"):
                self._obey_common(part.strip())
        elif message.strip() in {"abort", "endscript"}:
            return
        elif message.strip():
            self._run(message)

    def _take_line(self, line: str) -> None:
        """Take a line of a script; its last one makes it known, and runs it if that was asked for.

        Raises:
            TspError: -285 if it is no Lua, -225 if there is no room, -286 if it fails.
        """
        if line.strip() != "endscript":
            self._size += len(line) + 1
            if self._size <= LONGEST_SCRIPT:
                self._lines.append(line)
            return
        (name, runs), lines, size = self._loading or ("", False), self._lines, self._size
        self.forget()
        if size > LONGEST_SCRIPT:
            raise TspError(-225)
        source = "\n".join(lines)
        self._define(name, source)
        if runs:
            self._run(source)

    def _define(self, name: str, source: str) -> Any:
        """Make a script known by its name; one without a name is `script.anonymous`. Return its Lua object."""
        machine = self._instrument.machine
        script = machine.script(name, source, self._show)
        if name in _RESERVED:
            raise TspError(-282)
        if name and name not in self._sources and len(self._sources) >= MOST_SCRIPTS:
            raise TspError(-281)
        if name:
            self._sources[name] = source
            machine.put(name, script)
            machine.put(name, script, self._scripts)
        else:
            machine.put("anonymous", script, self._table)
        return script

    def _show(self, arguments: Arguments) -> None:
        """Send the lines of a script, as `scriptVar.list()` does."""
        for line in ("loadscript", *arguments.text(0).split("\n"), "endscript"):
            self._instrument.send(line.encode("latin-1", "replace"))

    def _run(self, source: str) -> None:
        machine = self._instrument.machine
        machine.run(machine.compile(source))

    def _obey_common(self, command: str) -> None:
        """Obey a common command.

        Raises:
            TspError: -285 if there is none of this name.
        """
        found = _COMMON.fullmatch(command)
        action = self._common.get(f"{found[1].upper()}{found[2]}") if found else None
        if found is None or action is None:
            raise TspError(-285, text=f"TSP Syntax error at line 1: unexpected symbol near `{command[:1] or '<eof>'}'")
        answer = action(found[3])
        if isinstance(answer, str):
            self._instrument.send(answer.encode())

    def _answer_when_idle(self, _: str | None) -> str:
        self._instrument.wait()
        return "1"

    def _prompt(self) -> None:
        """Send the errors of this message and the prompt, if the host wants them."""
        instrument = self._instrument
        unshown, instrument.surroundings.errors.unshown = instrument.surroundings.errors.unshown, []
        if instrument.shows_errors:
            for entry in unshown:
                instrument.send(f"{entry.code}, {entry.text}".encode("latin-1", "replace"))
        if instrument.prompts:
            waiting = len(instrument.surroundings.errors)
            instrument.send(b">>>>" if self._loading is not None else b"TSP?" if waiting else b"TSP>")

    def _install(self) -> Any:
        """Add the `script` table; return it."""
        machine = self._instrument.machine
        self._sources: dict[str, str] = {}

        def delete(arguments: Arguments) -> None:
            name = arguments.text(0)
            if self._sources.pop(name, None) is None:
                raise TspError(-292)
            machine.put(name, None)
            machine.put(name, None, self._scripts)

        def new(arguments: Arguments) -> Any:
            source, name = arguments.text(0), arguments.text(1, "")
            if name and _NAME.fullmatch(name) is None:
                raise TspError(-282)
            return self._define(name, source)

        def restore(arguments: Arguments) -> None:
            name = arguments.text(0)
            if name not in self._sources:
                raise TspError(-292)
            self._define(name, self._sources[name])

        functions: dict[str, Handler] = {"delete": delete, "new": new, "newautorun": new, "restore": restore}
        catalogs: dict[str, Callable[[], Sequence[str]]] = {
            "user": lambda: tuple(self._sources), "factory": lambda: FACTORY_SCRIPTS
        }  # fmt: skip
        table = machine.build(Node(functions=functions))
        for kind, names in catalogs.items():
            part = machine.build(Node(functions={"catalog": lambda _, names=names: machine.iterator(names())}))
            scripts = machine.build(Node())
            machine.put("scripts", scripts, part)
            machine.put(kind, part, table)
            if kind == "user":
                self._scripts = scripts
        machine.put("script", table)
        self._table = table
        self._define("", "")
        machine.put("run", machine.compile("script.anonymous.run()"), table)
        return table


def _bits(text: str | None) -> int:
    """Return the number behind a common command.

    Raises:
        TspError: -109 without one, -104 if it is none, 1101 or 1102 if it is no byte.
    """
    if text is None:
        raise TspError(-109)
    return int(check(text, 0, 255))


def _aborted() -> TspError:
    return TspError(RUNTIME, text="TSP Runtime error at line 1: script aborted")
