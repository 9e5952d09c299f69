#!lua flags=no-writes
--
-- Reads a stretch of an account's conversations, the last one written first.
--
-- KEYS   the account's conversations
-- ARGV   1  begin after this score; "0": at the beginning
--        2  how many to leave out there
--        3  most conversations to read
--        4  seconds that a conversation lives after a write
--        5  bytes of records after which to stop
--        6  what the keys of all conversations begin with: which of them are
--           read is not known before
--        7  what the key of a conversation's members ends with
--
-- Reply  {more, score, record, ...}: more is 1 when others follow; score is
--        that of the last conversation, returned or skipped
--

local limit = tonumber(ARGV[3])
local room = tonumber(ARGV[5])

local time = redis.call('time')
local oldest = time[1] * 1000 - ARGV[4] * 1000

-- one more than asked for, to see whether others follow

local found = redis.call('zrange', KEYS[1],
                         ARGV[1] == '0' and '+inf' or '(' .. ARGV[1], oldest,
                         'byscore', 'rev',
                         'limit', ARGV[2], limit + 1, 'withscores')
local last = math.min(#found / 2, limit)

local reply = { 0, ARGV[1] }
local n = 2
local i = 0

-- one by one: a record may be as large as a body

while i < last and room > 0 do
    local id = found[2 * i + 1]
    local conv = ARGV[6] .. id

    -- as in list.lua: all of them must be there, or the slot not on its way
    redis.call('exists', conv, conv .. ARGV[7], KEYS[1])

    local have = redis.call('hmget', conv, 'meta', 'start', 'end')

    reply[2] = found[2 * i + 2]
    i = i + 1

    if have[1] then
        local members = redis.call('zrange', conv .. ARGV[7], 0, -1)
        local record = '{"id":"' .. id .. '","type":"meeting",' .. have[1]
                       .. ',"startTime":' .. (have[2] or 'null')
                       .. ',"endTime":' .. (have[3] or 'null')
                       .. ',"members":[' .. table.concat(members, ',') .. ']}'

        n = n + 1
        reply[n] = record
        room = room - #record
    end
end

if 2 * i < #found then
    reply[1] = 1
end

return reply
