--
-- Load for wrk: one request, again and again, with a fresh name each time and
-- the tokens of many accounts in turn.
--
-- wrk ... URL -- REQUEST TOKENS FIRST COUNT
--
-- REQUEST is a file: method and path in its first line, then the body, where
-- each run of ten "@" becomes one number that no other request has.  TOKENS
-- holds a token a line; those from line FIRST on, COUNT of them, are used.
--
-- Prints one line of results for the program that started it.
--

local ffi = require "ffi"

local heads, pieces = {}, {}
local turn, number = 0, 0

-- a body of many numbers: its bytes behind room for a head, where they go
local buffer, room, size
local places = {}


-- All that can be made beforehand is: a generator that is slower than the
-- server would leave it idle, and measure how it falls asleep and wakes.

function init(args)
    local file = assert(io.open(args[1], "rb"))
    local method, path = file:read("*l"):match("^(%S+) (%S+)$")
    local body = file:read("*a")

    file:close()

    -- numbers go between the pieces

    for text in (body .. "@@@@@@@@@@"):gmatch("(.-)@@@@@@@@@@") do
        pieces[#pieces + 1] = text
    end

    local headers = { ["Content-Type"] = "application/json",
                      ["Authorization"] = "Bearer TOKEN" }
    local request = wrk.format(method, path, headers, body ~= "" and body)
    local head = request:sub(1, #request - #body)

    local line, first, count = 0, tonumber(args[3]), tonumber(args[4])

    for token in io.lines(args[2]) do
        line = line + 1

        if line >= first and line < first + count then
            heads[#heads + 1] = head:gsub("TOKEN", token) .. pieces[1]
        end
    end

    -- another run of wrk goes on with other numbers

    number = os.time() % 100000 * 100000

    table.remove(pieces, 1)

    if #pieces > 1 then
        lay_out()
    end
end


function lay_out()
    room, size = 0, 0

    for _, head in ipairs(heads) do
        room = math.max(room, #head)
    end

    for i, text in ipairs(pieces) do
        places[i] = room + size
        size = size + 10 + #text
    end

    buffer = ffi.new("char[?]", room + size)

    for i, text in ipairs(pieces) do
        ffi.copy(buffer + places[i] + 10, text, #text)
    end
end


function request()
    turn = turn % #heads + 1

    if #pieces == 0 then
        return heads[turn]
    end

    number = number + 1

    local slot = ("%010d"):format(number)

    if #pieces == 1 then
        return heads[turn] .. slot .. pieces[1]
    end

    for i = 1, #places do
        ffi.copy(buffer + places[i], slot, 10)
    end

    local head = heads[turn]
    local start = buffer + room - #head

    ffi.copy(start, head, #head)

    return ffi.string(start, #head + size)
end


function done(summary, latency)
    local errors = summary.errors

    io.write(("bench requests=%d us=%d p50=%d p99=%d refused=%d lost=%d\n")
             :format(summary.requests, summary.duration,
                     latency:percentile(50), latency:percentile(99),
                     errors.status,
                     errors.connect + errors.read + errors.write
                     + errors.timeout))
end
