#!lua flags=no-writes
--
-- Reads what has changed since a revision.
--
-- KEYS   rev, log, index
-- ARGV   1  the revision
--        2  most changes to read
--        3  bytes of records after which to stop
--        4  what all id keys begin with: which of them are read is not known
--           before
--
-- Reply  {"changes", rev, more, score, entry, record, ...}: more is 1 when
--        others follow; a record is as it is now, empty where there is none
--        {"gone"}  the log does not say what has changed since then
--

local rev = redis.call('get', KEYS[1]) or '0'
local reply = { 'changes', rev, 0 }

if rev == ARGV[1] then
    return reply
end

-- The log is complete from its first entry on if the last one is the account's
-- revision.  Which ones there were before is not known: another number than
-- that of an entry may be of a write that a failover has lost.

local last = redis.call('zrange', KEYS[2], -1, -1, 'withscores')
local first = redis.call('zrangebyscore', KEYS[2], ARGV[1], ARGV[1], 'limit', 0,
                         1)

if last[2] ~= rev or #first == 0 then
    return { 'gone' }
end

local limit = tonumber(ARGV[2])
local room = tonumber(ARGV[3])

-- one more than asked for, to see whether others follow

local found = redis.call('zrangebyscore', KEYS[2], '(' .. ARGV[1], '+inf',
                         'withscores', 'limit', 0, limit + 1)
local total = #found / 2
local i = 0

-- One by one, with a key beside it, as in list.lua.  What the index does not
-- have was deleted: its key may be missing, which a node that is giving this
-- slot away would take for one that has moved.

while i < total and i < limit and room > 0 do
    local entry = found[2 * i + 1]
    local id = string.sub(entry, 2, 17)
    local record

    if string.sub(entry, 1, 1) ~= 'd' and redis.call('zscore', KEYS[3], id) then
        local key = ARGV[4] .. id

        record = redis.call('mget', key, KEYS[3])[1] or redis.call('get', key)
    end

    record = record or ''
    room = room - #record

    reply[#reply + 1] = found[2 * i + 2]
    reply[#reply + 1] = entry
    reply[#reply + 1] = record

    i = i + 1
end

if i < total then
    reply[3] = 1
end

return reply
