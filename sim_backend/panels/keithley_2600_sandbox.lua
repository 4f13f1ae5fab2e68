-- The room that scripts of the virtual 2600B run in: Lua without the host, with bounds on work and memory.
-- Runs once in a fresh state and returns what the host needs; nothing of the host can be reached from `env`.

local instructions, seconds, longest_string, memory = ...
local sethook, clock = debug.sethook, os.clock
local error, type, select, unpack, rawget, rawset = error, type, select, unpack, rawget, rawset
local tostring, tonumber, pairs, next, setmetatable = tostring, tonumber, pairs, next, setmetatable
local concat, getn = table.concat, table.getn
local collect, proxy, loadstring, setfenv = collectgarbage, newproxy, loadstring, setfenv
local getmetatable, pcall, find, sub, format = getmetatable, pcall, string.find, string.sub, string.format

local TICK = 1000          -- instructions between two looks at the bounds
local CALL = 20            -- what a call of the instrument counts for, in instructions
local LONGEST_LIST = 100000
local LONGEST_ARGUMENT = 1000000
local ABORTED, NO_MEMORY = "script aborted", "not enough memory"

-- Bounds ---------------------------------------------------------------------------------------------------------

local work, deadline = 0, 0
local exited = false       -- the script ended itself

-- From here on every instruction fails, so that no pcall of the script keeps it alive.
local function trip()
  sethook(function() error(ABORTED, 0) end, "", 1)
end

local function spend(amount)
  work = work + amount
  if work > instructions then
    trip()
    error(ABORTED, 0)
  end
end

-- The host cannot survive an allocation that fails while a value crosses to it, so scripts stop well below its limit.
local function check_memory()
  if collect("count") > memory then
    collect()
    if collect("count") > memory then error(NO_MEMORY, 0) end
  end
end

-- Instructions are counted so that the bound is the same on every machine; the processor's clock is the second bound,
-- for instructions that take long by themselves.
local function tick()
  work = work + TICK
  if work > instructions or clock() > deadline then
    trip()
    error(ABORTED, 0)
  end
  check_memory()
end

local function begin()
  work, deadline, exited = 0, clock() + seconds, false
  sethook(tick, "", TICK)
end

-- Values that cross to the host ------------------------------------------------------------------------------------

local numbers_of = setmetatable({}, {__mode = "k"})   -- instrument objects: what the host knows them by
local dead = {}                                       -- numbers of objects that no script can reach any more

local function list_of(values)
  local list = {}
  for place = 1, LONGEST_LIST do
    local value = rawget(values, place)
    if value == nil then break end
    list[place] = tonumber(value) or false
  end
  return list
end

local function marshal(...)
  local count = select("#", ...)
  if count > 40 then error("too many arguments", 3) end
  local kinds, values = {}, {...}
  for place = 1, count do
    local value = values[place]
    local kind = type(value)
    if kind == "number" then kinds[place] = "n"
    elseif kind == "string" then
      if #value > LONGEST_ARGUMENT then error(NO_MEMORY, 0) end
      kinds[place] = "s"
    elseif kind == "boolean" then kinds[place] = "b"
    elseif kind == "nil" then kinds[place] = "-"
    elseif kind == "table" and numbers_of[value] then
      kinds[place], values[place] = "o", numbers_of[value]
    elseif kind == "table" then
      kinds[place], values[place] = "t", list_of(value)
    else
      kinds[place], values[place] = "f", false
    end
  end
  return concat(kinds), unpack(values, 1, count)
end

-- The host's answer: true and values; false and why the script must stop here; nil if it must stop for good.
local function settle(ok, ...)
  if ok then return ... end
  if ok == nil then
    trip()
    error(ABORTED, 0)
  end
  error((...), 3)
end

local function getter(handler)
  return function()
    spend(CALL)
    check_memory()
    return settle(handler(""))
  end
end

local function method(handler)
  return function(...)
    spend(CALL)
    check_memory()
    return settle(handler(marshal(...)))
  end
end

local function define(luatype, number, getters, setters, objects, index, newindex)
  local guard
  if number then
    guard = proxy(true)
    getmetatable(guard).__gc = function() dead[#dead + 1] = number end
  end
  local meta = {Getters = getters, Setters = setters, Objects = objects, luatype = luatype}
  function meta.__index(_, key)
    local _ = guard   -- lives as long as the object, out of reach of scripts
    local found = getters[key]
    if found then return found() end
    found = objects[key]
    if found == nil and index and type(key) == "number" then return index(key) end
    return found
  end
  function meta.__newindex(_, key, value)
    local found = setters[key]
    if found then
      found(value)
    elseif newindex and type(key) == "number" then
      newindex(key, value)
    else
      error("attempt to modify a read-only attribute `" .. tostring(key) .. "'", 2)
    end
  end
  local object = setmetatable({}, meta)
  if number then numbers_of[object] = number end
  return object
end

-- A script that was loaded: it can be called, and run by its name.
local function script_object(name, source, chunk, list)
  local autorun = "no"
  local getters = {
    name = function() return name end,
    source = function() return source end,
    autorun = function() return autorun end,
  }
  local setters = {
    autorun = function(value)
      if value ~= "yes" and value ~= "no" then error("autorun must be yes or no", 3) end
      autorun = value
    end,
  }
  local function show() list(source) end
  local object = define("script", nil, getters, setters, {run = chunk, save = function() end, list = show})
  getmetatable(object).__call = function(_, ...) return chunk(...) end
  return object
end

local function reap(thoroughly)
  if thoroughly then
    collect()
    collect()
  end
  local list = dead
  dead = {}
  return list
end

-- Libraries ------------------------------------------------------------------------------------------------------

local env = {}
env._G = env
env._VERSION = "Lua 5.0.2"
for _, name in pairs {
  "assert", "error", "pcall", "ipairs", "pairs", "next", "rawequal", "rawget", "rawset", "tonumber",
  "type", "unpack", "getmetatable", "setmetatable",
} do
  env[name] = _G[name]
end

-- The handler is called after the error was caught: inside it, nothing would count the handler's instructions.
local function handled(handler, ok, ...)
  if ok then return ok, ... end
  return false, handler(...)
end
function env.xpcall(action, handler) return handled(handler, pcall(action)) end

-- Addresses of the host's memory are not shown; each value keeps the name that it first got.
local shown, names = 0, setmetatable({}, {__mode = "k"})
local function name_of(value)
  local kind = type(value)
  if kind == "string" or kind == "number" or kind == "boolean" or kind == "nil" then return tostring(value) end
  local meta = kind == "table" and getmetatable(value)
  if type(meta) == "table" and rawget(meta, "__tostring") then return tostring(value) end
  if not names[value] then
    shown = shown + 1
    names[value] = format("%s: 0x%08x", kind, 0x00100000 + 32 * shown)
  end
  return names[value]
end
env.tostring = name_of

-- Ends the script that runs, without an error; no pcall of it goes on.
function env.exit()
  exited = true
  trip()
  error(ABORTED, 0)
end

-- An iterator over names, as the catalogs of scripts return it.
local function iterator(...)
  local list, place = {...}, 0
  return function()
    place = place + 1
    return list[place]
  end
end

local function printer(handler)
  return function(...)
    spend(CALL)
    check_memory()
    local count = select("#", ...)
    if count > 200 then error("too many arguments", 2) end
    local kinds, values, length = {}, {...}, 0
    for place = 1, count do
      if type(values[place]) == "number" then
        kinds[place] = "n"
      else
        local text = name_of(values[place])
        if type(text) ~= "string" then error("`tostring' must return a string to `print'", 2) end
        kinds[place], values[place], length = "s", text, length + #text
        if length > longest_string then error(NO_MEMORY, 0) end
      end
    end
    return settle(handler(concat(kinds), unpack(values, 1, count)))
  end
end

function env.collectgarbage()
  spend(100 * collect("count"))
  collect()
end
function env.gcinfo() return collect("count"), 2 * collect("count") end

env.math = {}
for _, name in pairs {
  "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "deg", "exp", "floor", "frexp", "ldexp", "log", "log10", "max",
  "min", "mod", "pi", "pow", "rad", "sin", "sqrt", "tan",
} do
  env.math[name] = math[name]
end
-- The same numbers on every machine and for every instrument (Park and Miller's generator).
local seed = 1
function env.math.randomseed(value)
  seed = math.floor(math.abs(tonumber(value) or 0)) % 2147483646 + 1
end
function env.math.random(low, high)
  seed = seed * 16807 % 2147483647
  local share = seed / 2147483647
  if not low then return share end
  if not high then low, high = 1, low end
  if low > high then error("interval is empty", 2) end
  return low + math.floor(share * (high - low + 1))
end

local string_rep = string.rep
env.string = {}
for _, name in pairs {"byte", "char", "format", "len"} do
  env.string[name] = string[name]
end
-- One call of these copies a whole text, which counts for more than one instruction.
for _, name in pairs {"lower", "sub", "upper"} do
  local copy = string[name]
  env.string[name] = function(text, ...)
    if type(text) == "string" then spend(#text / 50) end
    return copy(text, ...)
  end
end
function env.string.rep(text, count)
  if type(text) == "string" and type(count) == "number" and count * #text > longest_string then
    error(NO_MEMORY, 0)
  end
  if type(count) == "number" and count > 0 then spend(count * #tostring(text) / 50) end
  return string_rep(text, count)
end
-- Matching runs outside the count of instructions, and its time grows with a power of the text's length.
local function matcher(match)
  return function(text, pattern, ...)
    if type(text) == "string" and type(pattern) == "string" then
      local cost, power = (#text + 1) * (#pattern + 1) / 16, 1
      for place = 1, #pattern do
        if find(sub(pattern, place, place), "[%*%+%-%?]") or find(sub(pattern, place, place + 1), "%%[b%d]") then
          power = power + 1
          cost = cost * (#text + 1) / power
        end
      end
      spend(cost)
    end
    return match(text, pattern, ...)
  end
end
env.string.find = matcher(string.find)
env.string.gsub = matcher(string.gsub)
env.string.gfind = matcher(string.gmatch)

env.table = {}
for _, name in pairs {"concat", "foreach", "foreachi", "getn", "sort"} do env.table[name] = table[name] end
for _, name in pairs {"insert", "remove"} do
  local change = table[name]
  env.table[name] = function(values, ...)
    if type(values) == "table" then spend(getn(values) / 10) end
    return change(values, ...)
  end
end

function env.table.setn() end

-- Strings have no methods in the Lua of the instrument.
local strings = getmetatable("")
strings.__index = nil
strings.__metatable = false

local function load(source, name)
  if string.byte(source, 1) == 27 then return nil, name .. ":1: unexpected symbol near `char(27)'" end
  local chunk, message = loadstring(source, "=" .. name)
  if chunk then setfenv(chunk, env) end
  return chunk, message
end

-- The host sets globals through here: an assignment of its own would run a script's metamethods unprotected.
local function set(object, name, value) rawset(object or env, name, value) end
local function has_exited() return exited end
local function over() return collect("count") > memory end

return {
  begin = begin, stop = sethook, call = pcall, set = set, over = over, script = script_object, load = load, define = define, getter = getter, method = method,
  printer = printer, reap = reap, name_of = name_of, has_exited = has_exited, iterator = iterator,
}
