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

local heads, pieces = {}, {}
local turn, number = 0, 0


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

    return heads[turn] .. slot .. table.concat(pieces, slot)
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
