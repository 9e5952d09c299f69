#!lua flags=allow-oom
--
-- Deletes a tracker and frees its name.
--
-- KEYS   rev, index, id key, name key of the record that was read; where
--        changes are kept, log and times
-- ARGV   1  sha1 of the record that was read
--        2  life of the tombstone in ms: until then a create that is sent again
--           does not bring the tracker back
--        3  the first revision of an account
--        4  by how much it is raised
--        5  only where changes are kept: so many
--
-- Reply  {"deleted"}  now, or by another request since it was read
--        {"stale"}    the record has changed since it was read: read it again
--

local stored = redis.call('get', KEYS[3])

if not stored then
    return {'deleted'}
end

-- a write, so that a WAIT behind this call counts the replicas that have it

if stored == '' then
    redis.call('set', KEYS[3], '', 'PX', ARGV[2])

    return {'deleted'}
end

if redis.sha1hex(stored) ~= ARGV[1] then
    return {'stale'}
end

local id = string.sub(KEYS[3], -16)
local named = redis.call('get', KEYS[4])

-- what could fail in the log must fail here

local last = KEYS[5]
             and redis.call('zrange', KEYS[5], -1, -1, 'withscores')

if last then
    redis.call('hmget', KEYS[6], '-')

    local commands = { {'zadd', KEYS[5], 1, 1},
                       {'zremrangebyrank', KEYS[5], 0, 1},
                       {'hdel', KEYS[6], 1}, {'time'} }

    for i = 1, #commands do
        if not redis.acl_check_cmd(unpack(commands[i])) then
            return redis.error_reply('NOPERM this user has no permissions to '
                                     .. 'run the command ' .. commands[i][1])
        end
    end
end

-- first what may fail: the revision may be no integer, the index no sorted set;
-- without a revision the account is new

local rev = redis.call('incrby', KEYS[1], ARGV[4])
local before = rev - ARGV[4]

if before == 0 then
    rev = redis.call('incrby', KEYS[1], ARGV[3])
end

redis.call('zrem', KEYS[2], id)

if named == id then
    redis.call('del', KEYS[4])
end

redis.call('set', KEYS[3], '', 'PX', ARGV[2])

-- as in create.lua, which says what they are

if last then
    local format = string.format
    local time = redis.call('time')
    local entries = {}

    if tonumber(last[2]) ~= before then
        redis.call('del', KEYS[5])
        entries = {format('%d', before), '-'}
    end

    entries[#entries + 1] = format('%d', rev)
    entries[#entries + 1] = format('d%s %s%03d', id, time[1], time[2] / 1000)

    redis.call('zadd', KEYS[5], unpack(entries))
    redis.call('zremrangebyrank', KEYS[5], 0, -ARGV[5] - 1)
    redis.call('hdel', KEYS[6], id, 'u' .. id)
end

-- A newer Redis counts the memory of scripts, so the text that was read above
-- would still take its room: where Redis is full, clients that now only write
-- run no script that would have it collected.  Not for what is less than an
-- eighth of all that scripts hold, which a collection goes through: its time is
-- of the order of the hashing above.

local bytes = #stored

stored = nil

if bytes > 128 * collectgarbage('count') then
    collectgarbage()
end

return {'deleted'}
