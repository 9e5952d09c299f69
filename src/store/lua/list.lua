#!lua flags=no-writes
--
-- Reads a stretch of an account's trackers in the order of their creation.
--
-- KEYS   rev, index; where the times of the trackers are asked for, times
-- ARGV   1  begin after this score; "0": at the beginning
--        2  most trackers to read
--        3  bytes of records after which to stop
--        4  what all id keys begin with: which of them are read is not known
--           before
--
-- Reply  {rev, more, score, record, ...}: more is 1 when others follow; score
--        is that of the last tracker, returned or skipped; with times, the
--        last element has two for each record: when the tracker was created
--        and changed, nil where that is not known
--

local rev = redis.call('get', KEYS[1]) or '0'
local limit = tonumber(ARGV[2])
local room = tonumber(ARGV[3])

-- one more than asked for, to see whether others follow

local found = redis.call('zrangebyscore', KEYS[2], '(' .. ARGV[1], '+inf',
                         'limit', 0, limit + 1)
local last = math.min(#found, limit)

local reply = { rev, 0, ARGV[1] }
local n = 3
local i = 0
local fields = {}

-- One by one: a record may be as large as a body.  With a key beside it that is
-- there: to a node that is getting this slot one key that it has not got yet is
-- one that does not exist, of two it says that they are not all there.  MGET
-- takes what is no string for nothing, GET does not.

while i < last and room > 0 do
    i = i + 1

    local key = ARGV[4] .. found[i]
    local record = redis.call('mget', key, KEYS[2])[1]
                   or redis.call('get', key)

    if record and record ~= '' then
        n = n + 1
        reply[n] = record
        room = room - #record

        if KEYS[3] then
            fields[#fields + 1] = found[i]
            fields[#fields + 1] = 'u' .. found[i]
        end
    end
end

if i > 0 then
    reply[3] = redis.call('zscore', KEYS[2], found[i])
end

if i < #found then
    reply[2] = 1
end

if KEYS[3] then
    reply[n + 1] = #fields > 0 and redis.call('hmget', KEYS[3], unpack(fields))
                   or {}
end

return reply
