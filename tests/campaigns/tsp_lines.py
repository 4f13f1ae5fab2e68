"""Lines for the 2600B's script processor: random words, commands with random values, bombs, and plain noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from campaigns.scpi_lines import noise

if TYPE_CHECKING:
    import random

WORDS: Final = (
    "smua", "smub", ".source", ".measure", ".trigger", ".levelv", ".leveli", ".limiti", ".limitv", ".rangev", ".rangei",
    ".output", ".func", ".nplc", ".i", ".v", ".iv", ".r", ".nvbuffer1", ".nvbuffer2", ".readings", ".clear", ".reset",
    ".makebuffer", ".count", ".initiate", ".linearv", ".listv", ".stimulus", ".action", ".arm", ".endpulse", "trigger",
    ".timer", ".blender", "[1]", "[2]", "[9]", ".EVENT_ID", ".delay", "status", ".condition", ".event", ".enable",
    ".standard", ".operation", "format", ".data", ".asciiprecision", "errorqueue", ".next", "()", "(", ")", " = ", "=",
    "==", "print", "printbuffer", "printnumber", "(1, 3, smua.nvbuffer1)", "1", "0", "-1", "1e-3", "1e30", "2.5", "nil",
    "true", "'x'", "{1, 2, 3}", "{}", ",", " ", " for i = 1, 3 do ", " end", " if ", " then ", " while true do ",
    " function f() ", "f", "local x", "x", "return", "+", "-", "..", "^", "delay", "waitcomplete()", "pcall", "error",
    "setmetatable", "getmetatable", "_G", "string.rep", "string.find", "table.insert", "tostring", "next", "*IDN?",
    "*TRG", "*RST", "*CLS", "*OPC?", "*ESE 4", "loadscript ", "loadandrunscript", "endscript", "script.anonymous",
    "reset()", "smua.abort()", "SweepVLinMeasureI(smua, 0, 1, 0, 5)", "userstring.add", "digio.writebit", "bit.bitand",
    "display.settext", "beeper.beep(1, 2)", "localnode", ".prompts = 1", "exit()", "collectgarbage()", "--", "[[", "]]",
)  # fmt: skip
SHAPES: Final = (
    "smu{c}.source.level{q} = {n}", "smu{c}.source.limit{q} = {n}", "smu{c}.source.range{q} = {n}",
    "smu{c}.source.output = {n}", "smu{c}.source.func = {n}", "print(smu{c}.measure.{q}())",
    "smu{c}.measure.nplc = {n}", "smu{c}.measure.range{q} = {n}", "smu{c}.measure.count = {n}", "smu{c}.sense = {n}",
    "smu{c}.measure.iv(smu{c}.nvbuffer1, smu{c}.nvbuffer2)", "printbuffer({n}, {n}, smu{c}.nvbuffer1.sourcevalues)",
    "smu{c}.trigger.source.linear{q}({n}, {n}, {n})", "smu{c}.trigger.source.list{q}({{n}, {n}})",
    "smu{c}.trigger.count = {n}", "smu{c}.trigger.measure.action = {n}", "smu{c}.trigger.measure.{q}(smu{c}.nvbuffer1)",
    "smu{c}.trigger.source.action = {n}", "smu{c}.trigger.initiate()", "smu{c}.trigger.source.stimulus = {n}",
    "trigger.timer[{n}].stimulus = {n}", "trigger.timer[{n}].delay = {n}", "trigger.blender[{n}].stimulus[{n}] = {n}",
    "buf = smu{c}.makebuffer({n})", "buf.collecttimestamps = {n}", "buf[{n}] = {n}", "print(buf[{n}], #buf)",
    "format.data = {n}", "print({n}, '{q}', buf)", "delay({n})", "status.request_enable = {n}",
    "print(errorqueue.next())",
    "print(errorqueue.count)", "errorqueue.clear()", "for i = 1, {n} do smu{c}.source.level{q} = i end",
)  # fmt: skip
NUMBERS: Final = (
    "0",
    "1",
    "2",
    "3",
    "-1",
    "1e-9",
    "0.5",
    "7",
    "200",
    "1e9",
    "0/0",
    "nil",
    "{}",
    "'a'",
    "-1/0",
    "true",
    "print",
    "_G",
)
BOMBS: Final = (
    "while true do end",
    "repeat until false",
    "while true do pcall(function() while true do end end) end",
    "local function f() return f() end f()",
    "local function f() return 1 + f() end f()",
    "function f() pcall(f) pcall(f) end f()",
    "for i = 1, 1e9 do x = i end",
    "for i = 1, 1/0 do smua.source.levelv = i end",
    "for i = 1, 500 do smua.source.levelv = 1e9 end",
    "s = 'x' while true do s = s .. s end",
    "x = string.rep('ab', {n}e6) print(#x)",
    "x = {} while true do x[#x + 1] = string.rep('x', {n}e4) end",
    "for i = 1, {n} do userstring.add('k' .. i, string.rep('x', 1000)) end",
    "print(string.rep('x', {n}e5))",
    "string.find(string.rep('a', 3000), '.-.-.-.-.-b')",
    "string.gsub(string.rep('a', {n}e3), '.', string.rep('b', 100))",
    "print(string.format('%{n}00d', 1))",
    "print(string.format('%s%d%x%q%5.{n}f', 'a', {n}, 3, 'b', 1))",
    "t = {} setmetatable(t, {__index = t}) print(t.x)",
    "t = setmetatable({}, {__index = function(t, k) return t[k] end}) print(t.x)",
    "setmetatable(_G, {__index = function(t, k) error('no') end}) print(nothing)",
    "setmetatable(_G, {__newindex = function() while true do end end}) y = 1",
    "getmetatable('').__index = nil print(('x'):upper())",
    "setmetatable(smua, nil) smua.source.levelv = 1",
    "for k, v in pairs(_G) do if k ~= '_G' then _G[k] = nil end end",
    "print = nil error = nil pcall = nil smua = nil errorqueue = nil",
    "print(tostring(setmetatable({}, {__tostring = function() return {} end})))",
    "table.sort({3, 1, 2}, function() return true end)",
    "t = {} for i = 1, 1e4 do t[i] = {t} end print(#t)",
    "t = {1} table.concat(t, string.rep(',', 1e6), 1, 1)",
    "print(unpack({}, 1, {n}e6))",
    "print(select('#', unpack({}, 1, 200)))",
    "error(setmetatable({}, {__tostring = error}))",
    "error(string.rep('e', {n}e4))",
    "xpcall(error, function() error('again') end)",
    "coroutine.wrap(function() while true do end end)()",
    "x = " + "(" * 300 + "1" + ")" * 300,
    "x = " + "{" * 250 + "}" * 250,
    "x = " + "-" * 1 + " -" * 300 + "1",
    "x = 1" + " + 1" * 3000,
    "x = '" + "\\" * 301 + "'",
    "x = [[" + "]" * 300,
    "if true then " * 250 + "end " * 250,
    "local a" + ", a" * 250 + " = 1",
    "f(" * 250 + ")" * 250,
    "\x1bLua\x51\x00\x01\x04\x04\x04\x08\x00",
    "goto = 1 break",
    "loadscript s{n}",
    "loadandrunscript",
    "endscript",
    "delay({n}e3)",
    "smua.trigger.count = 0 smua.trigger.initiate() waitcomplete()",
    "smua.measure.count = 1e5 smua.measure.i(smua.nvbuffer1)",
    "for i = 1, {n}00 do b = smua.makebuffer({n}000) end",
    "printbuffer(1, {n}e5, smua.nvbuffer1, smua.nvbuffer2)",
    "collectgarbage('collect') collectgarbage('step', {n}e6)",
    "localnode.prompts = 1 localnode.showerrors = 1 nonsense(",
    "*IDN?;*OPC?;*NOPE;*ESE {n}",
)


class TspLines:
    """Makes lines."""

    def line(self, throw: random.Random) -> tuple[str, bytes]:
        """Return a line without its end, and of which kind it is."""
        kind = throw.choices(("shaped", "words", "mutated", "bomb", "bytes", "long"), (30, 30, 15, 10, 12, 3))[0]
        match kind:
            case "shaped":
                line = self._shaped(throw)
            case "words":
                line = "".join(throw.choice(WORDS) for _ in range(throw.randrange(1, 14))).encode()
            case "mutated":
                line = _mutated(throw.choice((self._shaped, _bomb))(throw), throw)
            case "bomb":
                line = _bomb(throw)
            case "bytes":
                line = noise(throw)
            case _:
                line = _long(throw)
        return kind, line.replace(b"\n", b" ")

    def _shaped(self, throw: random.Random) -> bytes:
        return b" ".join(_filled(throw.choice(SHAPES), throw) for _ in range(throw.choice((1, 1, 2, 4))))


def _filled(shape: str, throw: random.Random) -> bytes:
    line = shape.replace("{c}", throw.choice("aaab")).replace("{q}", throw.choice("iv"))
    while "{n}" in line:
        line = line.replace("{n}", throw.choice(NUMBERS), 1)
    return line.encode("latin-1")


def _bomb(throw: random.Random) -> bytes:
    line = throw.choice(BOMBS)
    while "{n}" in line:
        line = line.replace("{n}", str(throw.randrange(10)), 1)
    return line.encode("latin-1")


def _mutated(line: bytes, throw: random.Random) -> bytes:
    data = bytearray(line)
    for _ in range(throw.randrange(1, 4)):
        place = throw.randrange(len(data) + 1)
        if throw.random() < 0.5:
            data[place:place] = bytes([throw.choice(b"()[]{}=+-.,;:'\"\\~^%#eE0 \t\x00\xff")])
        else:
            del data[place : place + throw.randrange(1, 6)]
    return bytes(data)


def _long(throw: random.Random) -> bytes:
    match throw.randrange(4):
        case 0:
            return b"x = " + b"1 + " * throw.randrange(100, 10_000) + b"1"
        case 1:
            return b"print(" + b"'a', " * throw.randrange(10, 300) + b"1)"
        case 2:
            return b"-- " + throw.randbytes(throw.choice((1000, 65533, 65534, 200_000)))
        case _:
            return b"smua.source.levelv = 1 " * throw.randrange(100, 3000)
