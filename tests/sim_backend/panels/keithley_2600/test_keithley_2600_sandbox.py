"""What scripts on the 2600B's panel cannot do: reach the host, run for ever, take all memory, break the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labctl.errors import ModelError
from sim_backend.panels.keithley_2600_lua import Bounds
from sim_backend.panels.keithley_2600_surroundings import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keithley_2600.conftest import Bench2600

ABORTED = (-286, "TSP Runtime error at line 1: script aborted")
NO_MEMORY = (-225, "Out of memory or TSP memory allocation error")
TIGHT = Options(bounds=Bounds(instructions=300_000, seconds=5.0), patience=120.0)


@pytest.fixture(scope="module")
def tight(make_bench: Callable[..., Bench2600]) -> Bench2600:
    """Return a bench whose scripts may do little."""
    return make_bench(TIGHT)


@pytest.mark.parametrize(
    "name",
    [
        "os", "io", "require", "load", "loadstring", "loadfile", "dofile", "debug", "package", "module", "python",
        "newproxy", "getfenv", "setfenv", "coroutine", "string.dump", "eval", "__builtins__", "python.eval",
    ],
)  # fmt: skip
def test_the_host_cannot_be_named(tight: Bench2600, name: str) -> None:
    outer, _, inner = name.partition(".")
    expression = f"{outer} and {outer}.{inner}" if inner else outer
    assert tight.ask(f"print({expression})") == "nil"


def test_nothing_that_scripts_can_reach_is_an_object_of_the_host(tight: Bench2600) -> None:
    # Every value that a script can get hold of: globals, what tables and their metatables hold, and their keys.
    script = (
        "local seen, kinds = {}, {} "
        "local function visit(v) local k = type(v) kinds[k] = (kinds[k] or 0) + 1 "
        "if k == 'table' and not seen[v] then seen[v] = true "
        "for a, b in pairs(v) do visit(a) visit(b) end visit(getmetatable(v)) end end "
        "visit(_G) visit(getmetatable('')) print(kinds.userdata or 0, kinds.thread or 0, kinds['function'] > 500)"
    )
    assert tight.ask(script) == "0.00000e+00\t0.00000e+00\ttrue"


def test_addresses_of_the_host_are_not_shown(make_bench: Callable[..., Bench2600]) -> None:
    lines = ["print(smua, smua.reset, {}, print)", "print(tostring(_G), smua)"]
    assert make_bench().send(*lines) == make_bench().send(*lines)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("while true do end", ABORTED),
        ("while true do pcall(function() while true do end end) end", ABORTED),
        ("local function f() while true do end end pcall(pcall, pcall, f) while true do pcall(f) end", ABORTED),
        ("while true do smua.source.levelv = 0 end", ABORTED),
        ("while true do pcall(delay, 1) end", ABORTED),
        ("while true do smua.measure.i() end", ABORTED),
        ("delay(1000)", ABORTED),
        ("setmetatable(_G, {__index = function(t, k) return t[k] end}) print(foo)", None),
        ("string.find(string.rep('a', 3000), '.-.-.-.-.-b')", ABORTED),
        ("for n = 1, 1e6 do string.find(string.rep('a', 300), '.*.*b') end", ABORTED),
        ("xpcall(function() error('a') end, function() while true do end end)", ABORTED),
        ("xpcall(function() while true do end end, function() while true do end end)", ABORTED),
        ("s = string.rep('a', 1e5) string.find(s .. s, s .. 'b', 1, true)", ABORTED),
        ("string.gsub('x', 'x', function() while true do end end)", ABORTED),
        ("table.sort({3, 2, 1}, function() while true do end end)", ABORTED),
        ("string.rep('x', 1e9)", NO_MEMORY),
        ("s = 'x' while true do s = s .. s end", NO_MEMORY),
        ("t = {} for n = 1, 1e9 do t[n] = string.rep('x', 1e6) .. n end", None),
        ("local function f() return 1 + f() end f()", None),
        ("local t = {} for n = 1, 1e5 do table.insert(t, 1, n) end", ABORTED),
        ("s = string.rep('x', 5e6) print(s, s, s, s)", NO_MEMORY),
        ("userstring.add('a', string.rep('x', 2e6))", NO_MEMORY),
        ("t = string.rep('x', 7e6) u = t .. 1 v = t .. 2 w = t .. 3 x = t .. 4 smua.reset()", NO_MEMORY),
        ("error({})", (-286, "TSP Runtime error at line 1: (error object is not a string)")),
        ("error()", (-286, "TSP Runtime error at line 1: (error object is not a string)")),
        ("print(unpack({}, 1, 1e7))", None),
        ("print(unpack({}, 1, 250))", None),
        ("('x'):rep(3)", (-286, "TSP Runtime error at line 1: attempt to index a string value")),
        ("\x1bLua", (-285, "TSP Syntax error at line 1: unexpected symbol near `char(27)'")),
        ("x = " + "(" * 5000, None),
        (
            "smua.trigger.count = 0 smua.trigger.initiate() waitcomplete()",
            (-286, "TSP Runtime error at line 1: sweep aborted"),
        ),
    ],
)
def test_a_runaway_ends_in_an_error_and_the_panel_lives_on(
    make_bench: Callable[..., Bench2600], line: str, error: tuple[int, str] | None
) -> None:
    bench = make_bench(TIGHT)
    bench.send(line)
    found = bench.errors() if "setmetatable(_G" not in line else [(0, "")]
    assert found
    assert error is None or found == [error]
    assert bench.send("smua.abort()", "*OPC?") == [b"1\n"]
    bench.send("smua.source.limiti = 1e-3 smua.source.levelv = 1 smua.source.output = 1")
    assert bench.print("smua.measure.v()") == [1.0]


def test_the_bound_is_far_beyond_a_long_script(bench: Bench2600) -> None:
    assert bench.ask("local n = 0 for i = 1, 1e6 do n = n + i end print(n)") == "5.00000e+11"
    assert bench.error("while true do end") == ABORTED


def test_what_scripts_do_to_their_globals_does_not_reach_the_host(bench: Bench2600) -> None:
    bench.send("setmetatable(_G, {__newindex = function() error('no') end, __index = function() error('no') end})")
    assert bench.send("loadscript later", "print('later')", "endscript", "later()") == [b"later\n"]
    assert bench.send("loadandrunscript", "print('now')", "endscript") == [b"now\n"]
    bench.send("print = nil string = nil errorqueue = nil smua = nil for k in pairs(_G) do _G[k] = nil end")
    assert bench.send("*CLS", "*STB?") == [b"0\n"]


def test_the_environment_starts_anew_when_its_memory_is_used_up(bench: Bench2600) -> None:
    bench.send("smua.source.limiti = 1e-6 t = {} for n = 1, 1e9 do t[n] = string.rep('x', 1e6) .. n end")
    assert bench.errors() == [NO_MEMORY]
    assert bench.ask("print(t, smua.source.limiti)") == "nil\t1.00000e-06"


def test_ordinary_patterns_are_taken(bench: Bench2600) -> None:
    line = "local a, b, c = string.find(string.rep(' ', 99) .. 'x1.50 y', '^%s*(.-)%s*$') print(a, b, c)"
    assert bench.ask(line) == "1.00000e+00\t1.06000e+02\tx1.50 y"
    assert bench.ask("print(string.gsub('1.5e-3, 2.5e-3', '(%d+)%.(%d+)e%-(%d)', '%1'))") == "1, 2\t2.00000e+00"


def test_the_same_random_numbers_on_every_machine(make_bench: Callable[..., Bench2600]) -> None:
    line = "math.randomseed(7) print(math.random(), math.random(10), math.random(5, 6))"
    assert make_bench().ask(line) == make_bench().ask(line)


def test_an_impossible_request_to_the_world_is_not_hidden(bench: Bench2600, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(duration: float) -> None:
        raise ModelError("nothing is known there")

    monkeypatch.setattr(bench.terminals, "measure", refuse)
    with pytest.raises(ModelError, match="nothing is known"):
        bench.send("pcall(smua.measure.i) x = 1")
    monkeypatch.undo()
    assert bench.ask("print(x)") == "nil"
