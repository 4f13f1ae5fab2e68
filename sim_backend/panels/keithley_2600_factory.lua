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
local function pulse(smu, from_voltage, bias, level, ton, toff, points, buffer)
  local name = from_voltage and "levelv" or "leveli"
  local take = from_voltage and smu.measure.i or smu.measure.v
  smu.source[name] = bias
  smu.source.output = smu.OUTPUT_ON
  for place = 1, points do
    timer.reset()
    smu.source[name] = level
    local aperture = smu.measure.nplc / localnode.linefreq
    local left = ton - aperture - timer.measure.t() - 1e-4
    if left > 0 then delay(left) end
    take(buffer)
    smu.source[name] = bias
    delay(toff)
  end
end

local function pulsed(from_voltage)
  return function(smu, bias, level, ton, toff, points)
    smu = smu or smua
    start(smu, from_voltage)
    pulse(smu, from_voltage, bias or 0, level or 1, ton or 1e-3, toff or 1e-3, points or 10, smu.nvbuffer1)
    finish(smu, from_voltage)
  end
end

PulseVMeasureI, PulseIMeasureV = pulsed(true), pulsed(false)

local tests = {}

local function configure(from_voltage)
  return function(smu, bias, level, limit, ton, toff, points, buffer, tag)
    if type(smu) ~= "table" then return false, "Parameter smu is invalid" end
    if type(tag) ~= "number" then return false, "Parameter tag is invalid" end
    for _, value in ipairs {bias, level, limit, ton, toff, points} do
      if type(value) ~= "number" then return false, "A parameter is not a number" end
    end
    if type(buffer) ~= "table" or not buffer.capacity then return false, "Parameter buffer is invalid" end
    if buffer.n > 0 and buffer.appendmode == 0 then return false, "Buffer contains data and append mode is off" end
    if buffer.capacity - buffer.n < points then return false, "Buffer is too small" end
    tests[tag] = {smu, from_voltage, bias, level, limit, ton, toff, points, buffer}
    return true, "No Errors"
  end
end

ConfigPulseVMeasureI, ConfigPulseIMeasureV = configure(true), configure(false)

function InitiatePulseTest(tag)
  local test = tests[tag]
  if not test then return false, "Pulse test is not configured" end
  local smu, from_voltage, bias, level, limit, ton, toff, points, buffer = unpack(test)
  if smu.source.output == 0 then return false, "Output is off" end
  smu.source.func = from_voltage and smu.OUTPUT_DCVOLTS or smu.OUTPUT_DCAMPS
  local name = from_voltage and "limiti" or "limitv"
  local before, mode = smu.source[name], buffer.appendmode
  smu.source[name] = limit
  buffer.appendmode = 1
  pulse(smu, from_voltage, bias, level, ton, toff, points, buffer)
  buffer.appendmode = mode
  smu.source[name] = before
  return true, "No Errors"
end

-- Short forms that the command reference lists with the functions of the node.
function makegetter(object, name) return function() return object[name] end end
function makesetter(object, name) return function(value) object[name] = value end end
