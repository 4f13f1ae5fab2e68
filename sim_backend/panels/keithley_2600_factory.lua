-- Factory scripts of the 2600B (KISweep, KIPulse), as its reference manual describes them.
-- Readings go to nvbuffer1, with source values and timestamps. The output is switched on for a sweep and off after it
-- (assumption: the manual shows no state of the output afterwards).

local function start(smu, from_voltage)
  smu.nvbuffer1.clear()
  smu.nvbuffer1.appendmode = 1
  smu.nvbuffer1.collectsourcevalues = 1
  smu.nvbuffer1.collecttimestamps = 1
  smu.source.func = from_voltage and smu.OUTPUT_DCVOLTS or smu.OUTPUT_DCAMPS
end

local function point(smu, from_voltage, level, stime)
  if from_voltage then smu.source.levelv = level else smu.source.leveli = level end
  smu.source.output = smu.OUTPUT_ON
  delay(stime)
  if from_voltage then smu.measure.i(smu.nvbuffer1) else smu.measure.v(smu.nvbuffer1) end
end

local function finish(smu, from_voltage)
  smu.source.output = smu.OUTPUT_OFF
  if from_voltage then smu.source.levelv = 0 else smu.source.leveli = 0 end
  smu.nvbuffer1.appendmode = 0
end

local function linear(from_voltage)
  return function(smu, first, last, stime, points)
    smu, first, last, stime, points = smu or smua, first or 0, last or 1, stime or 0, points or 10
    start(smu, from_voltage)
    local step = points > 1 and (last - first) / (points - 1) or 0
    for place = 0, points - 1 do point(smu, from_voltage, first + place * step, stime) end
    finish(smu, from_voltage)
  end
end

local function logarithmic(from_voltage)
  return function(smu, first, last, stime, points)
    smu, first, last, stime, points = smu or smua, first or 1e-3, last or 1, stime or 0, points or 10
    start(smu, from_voltage)
    local step = points > 1 and math.log(last / first) / (points - 1) or 0
    for place = 0, points - 1 do point(smu, from_voltage, first * math.exp(place * step), stime) end
    finish(smu, from_voltage)
  end
end

local function listed(from_voltage)
  return function(smu, levels, stime, points)
    start(smu, from_voltage)
    for place = 1, points or table.getn(levels) do point(smu, from_voltage, levels[place], stime or 0) end
    finish(smu, from_voltage)
  end
end

SweepVLinMeasureI, SweepILinMeasureV = linear(true), linear(false)
SweepVLogMeasureI, SweepILogMeasureV = logarithmic(true), logarithmic(false)
SweepVListMeasureI, SweepIListMeasureV = listed(true), listed(false)

-- Pulses: bias, level for ton seconds with a measurement at its end, bias for toff seconds.
local function pulses(smu, from_voltage, bias, levels, ton, toff, buffer)
  local name = from_voltage and "levelv" or "leveli"
  local take = from_voltage and smu.measure.i or smu.measure.v
  smu.source[name] = bias
  smu.source.output = smu.OUTPUT_ON
  for place = 1, table.getn(levels) do
    timer.reset()
    smu.source[name] = levels[place]
    local aperture = smu.measure.nplc / localnode.linefreq
    local left = ton - (buffer and aperture or 0) - timer.measure.t() - 1e-4
    if left > 0 then delay(left) end
    if buffer then take(buffer) end
    smu.source[name] = bias
    delay(toff)
  end
end

local function same(level, points)
  local levels = {}
  for place = 1, points do levels[place] = level end
  return levels
end

local function linear_levels(first, last, points)
  local levels, step = {}, points > 1 and (last - first) / (points - 1) or 0
  for place = 1, points do levels[place] = first + (place - 1) * step end
  return levels
end

local function logarithmic_levels(first, last, points)
  local levels, step = {}, points > 1 and math.log(last / first) / (points - 1) or 0
  for place = 1, points do levels[place] = first * math.exp((place - 1) * step) end
  return levels
end

local function pulsed(from_voltage)
  return function(smu, bias, level, ton, toff, points)
    smu = smu or smua
    start(smu, from_voltage)
    pulses(smu, from_voltage, bias or 0, same(level or 1, points or 10), ton or 1e-3, toff or 1e-3, smu.nvbuffer1)
    finish(smu, from_voltage)
  end
end

PulseVMeasureI, PulseIMeasureV = pulsed(true), pulsed(false)

local tests = {}

-- The texts of refusals are an assumption; that of success was seen on a real instrument.
local function configured(test, numbers)
  if type(test.smu) ~= "table" then return false, "Parameter smu is invalid" end
  if type(test.tag) ~= "number" then return false, "Parameter tag is invalid" end
  for _, name in ipairs(numbers) do
    if type(test[name]) ~= "number" then return false, "Parameter " .. name .. " is invalid" end
  end
  local buffer = test.buf
  if buffer ~= nil then
    if type(buffer) ~= "table" or not buffer.capacity then return false, "Parameter buffer is invalid" end
    if buffer.n > 0 and buffer.appendmode == 0 then return false, "Buffer contains data and append mode is off" end
    if buffer.capacity - buffer.n < test.points then return false, "Buffer is too small" end
  end
  tests[test.tag] = test
  return true, "Pulse " .. test.tag .. " configured."
end

local function configure(from_voltage)
  return function(smu, bias, level, limit, ton, toff, points, buffer, tag)
    local test = {smu = smu, from_voltage = from_voltage, bias = bias, level = level, limit = limit, ton = ton,
      toff = toff, points = points, buf = buffer, tag = tag}
    if type(points) == "number" then test.sourcevalues = same(level, points) end
    return configured(test, {"bias", "level", "limit", "ton", "toff", "points"})
  end
end

local function configure_sweep(from_voltage, levels)
  return function(smu, bias, start, stop, limit, ton, toff, points, buffer, tag)
    local test = {smu = smu, from_voltage = from_voltage, bias = bias, start = start, stop = stop, limit = limit,
      ton = ton, toff = toff, points = points, buf = buffer, tag = tag}
    if type(start) == "number" and type(stop) == "number" and type(points) == "number" then
      test.sourcevalues = levels(start, stop, points)
    end
    return configured(test, {"bias", "start", "stop", "limit", "ton", "toff", "points"})
  end
end

ConfigPulseVMeasureI, ConfigPulseIMeasureV = configure(true), configure(false)
ConfigPulseVMeasureISweepLin = configure_sweep(true, linear_levels)
ConfigPulseIMeasureVSweepLin = configure_sweep(false, linear_levels)
ConfigPulseVMeasureISweepLog = configure_sweep(true, logarithmic_levels)
ConfigPulseIMeasureVSweepLog = configure_sweep(false, logarithmic_levels)

function QueryPulseConfig(tag)
  local test = tests[tag]
  if not test then return nil end
  local found = {}
  for name, value in pairs(test) do found[name] = value end
  found.from_voltage = nil
  found.func = test.from_voltage and test.smu.OUTPUT_DCVOLTS or test.smu.OUTPUT_DCAMPS
  found.tostring = function()
    local text = "tag = " .. tag
    for _, name in ipairs {"func", "bias", "level", "start", "stop", "limit", "ton", "toff", "points"} do
      if found[name] then text = text .. "\n" .. name .. " = " .. found[name] end
    end
    return text
  end
  return found
end

local function ready(tag)
  local test = tests[tag]
  if not test then return nil, "Pulse test is not configured" end
  if test.smu.source.output == 0 then return nil, "Output is off" end
  return test
end

local function run(test)
  local smu, buffer = test.smu, test.buf
  smu.source.func = test.from_voltage and smu.OUTPUT_DCVOLTS or smu.OUTPUT_DCAMPS
  local name = test.from_voltage and "limiti" or "limitv"
  local before, mode = smu.source[name], buffer and buffer.appendmode
  smu.source[name] = test.limit
  if buffer then buffer.appendmode = 1 end
  pulses(smu, test.from_voltage, test.bias, test.sourcevalues, test.ton, test.toff, buffer)
  if buffer then buffer.appendmode = mode end
  smu.source[name] = before
end

function InitiatePulseTest(tag)
  local test, message = ready(tag)
  if not test then return false, message end
  run(test)
  return true, "No Errors"
end

-- Here the two trains come one after the other (assumption: the channels see different devices).
function InitiatePulseTestDual(outer, inner)
  local first, message = ready(outer)
  if not first then return false, message end
  local second
  second, message = ready(inner)
  if not second then return false, message end
  if first.ton <= second.ton + 40e-6 then return false, "ton of the first pulse is too short" end
  if first.toff ~= second.toff then return false, "toff of the two pulses differ" end
  run(first)
  run(second)
  return true, "No Errors"
end

-- Short forms that the command reference lists with the functions of the node.
function makegetter(object, name) return function() return object[name] end end
function makesetter(object, name) return function(value) object[name] = value end end

-- The instrument as a node of a TSP-Link: node 1, alone. The names are those that other nodes may use.
local remote = {}
for _, name in ipairs {
  "smua", "smub", "beeper", "bit", "dataqueue", "digio", "display", "errorqueue", "eventlog", "format", "localnode",
  "setup", "status", "timer", "trigger", "tsplink",
} do
  remote[name] = _G[name]
end
-- A script that is given its own node finds them in `localnode` too.
local own = getmetatable(localnode).Objects
for name, object in pairs(remote) do
  if name ~= "localnode" then own[name] = object end
end
local globals = _G
function remote.getglobal(name) return globals[name] end
function remote.setglobal(name, value) globals[name] = value end
node = {
  setmetatable({}, {
    __index = function(_, key)
      if remote[key] ~= nil then return remote[key] end
      return remote.localnode[key]
    end,
    __newindex = function(_, key, value) remote.localnode[key] = value end,
  }),
}
