-- The load of wrk: the prepared requests in turn. argv: the file of requests (see load.mjs), and after how many calls
-- to stop.
-- A body may hold the mark of an id, which becomes a new one in each request.
local mark = "@new-id@"
local threads = {}

-- wrk has no other way to end before its time, and to report.
local ffi = require("ffi")
ffi.cdef("int kill(int pid, int signal); int getpid(void);")
local interrupt = 2

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 1000000)
  prefix = string.format("%08x-", math.random(0, 0x7fffffff))
  requests, turn, made, answered, wrong, hasMark = {}, 0, 0, 0, 0, false
  calls = tonumber(args[2]) or math.huge
  local file = assert(io.open(args[1]))
  local first = true
  for line in file:lines() do
    if first then
      path, first = line, false
    else
      hasMark = hasMark or line:find(mark, 1, true) ~= nil
      table.insert(requests, line)
    end
  end
  file:close()
  if not hasMark then
    for at, body in ipairs(requests) do requests[at] = wrk.format("POST", path, nil, body) end
  end
end

function request()
  turn = turn % #requests + 1
  if not hasMark then return requests[turn] end
  made = made + 1
  local before, after = requests[turn]:find(mark, 1, true)
  local body = requests[turn]
  return wrk.format("POST", path, nil, body:sub(1, before - 1) .. prefix .. made .. body:sub(after + 1))
end

function response(status, _, body)
  answered = answered + 1
  if answered == calls then ffi.C.kill(ffi.C.getpid(), interrupt) end
  if status ~= 200 or body:find('"errors"', 1, true) then wrong = wrong + 1 end
end

function done(summary, latency)
  local wrong = 0
  for _, thread in ipairs(threads) do wrong = wrong + thread:get("wrong") end
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"failures":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    wrong + errors.connect + errors.read + errors.write + errors.timeout
  ))
end
