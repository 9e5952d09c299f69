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

local method, path, pieces
local tokens, turn = {}, 0
local headers = { ["Content-Type"] = "application/json" }
local number = 0


function init(args)
    local file = assert(io.open(args[1], "rb"))
    local body

    method, path = file:read("*l"):match("^(%S+) (%S+)$")
    body = file:read("*a")
    file:close()

    -- numbers go to the even places

    pieces = {}

    for text, slot in (body .. "@@@@@@@@@@"):gmatch("(.-)(@@@@@@@@@@)") do
        pieces[#pieces + 1] = text
        pieces[#pieces + 1] = slot
    end

    pieces[#pieces] = nil

    local line, first, count = 0, tonumber(args[3]), tonumber(args[4])

    for token in io.lines(args[2]) do
        line = line + 1

        if line >= first and line < first + count then
            tokens[#tokens + 1] = "Bearer " .. token
        end
    end

    -- another run of wrk goes on with other numbers

    number = os.time() % 100000 * 100000
end


function request()
    number = number + 1
    turn = turn % #tokens + 1

    headers["Authorization"] = tokens[turn]

    if #pieces == 1 then
        return wrk.format(method, path, headers, pieces[1] ~= "" and pieces[1])
    end

    local slot = ("%010d"):format(number)

    for i = 2, #pieces, 2 do
        pieces[i] = slot
    end

    return wrk.format(method, path, headers, table.concat(pieces))
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
