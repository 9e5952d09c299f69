#!lua flags=no-writes
--
-- Reads a stretch of a conversation's messages.
--
-- KEYS   the conversation, its messages
-- ARGV   1  how many pieces to leave out
--        2  bytes of messages after which to stop
--
-- Reply  {more, next, piece, ...}: more is 1 when others follow; next is how
--        many pieces to leave out then; {} if there is no such conversation
--

if redis.call('hexists', KEYS[1], 'meta') == 0 then
    return {}
end

local length = redis.call('llen', KEYS[2])
local place = tonumber(ARGV[1])
local room = tonumber(ARGV[2])

local reply = { 0, 0 }
local n = 2

while place < length and room > 0 do
    local piece = redis.call('lindex', KEYS[2], place)

    n = n + 1
    reply[n] = piece
    room = room - #piece
    place = place + 1
end

reply[1] = place < length and 1 or 0
reply[2] = string.format('%d', place)

return reply
