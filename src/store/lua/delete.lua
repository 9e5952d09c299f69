#!lua flags=allow-oom
--
-- Deletes a tracker and frees its name.
--
-- KEYS   rev, index, id key, name key of the record that was read
-- ARGV   1  sha1 of the record that was read
--        2  life of the tombstone in ms: until then a create that is sent again
--           does not bring the tracker back
--        3  the first revision of an account
--        4  by how much it is raised
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

-- first what may fail: the revision may be no integer, the index no sorted set;
-- without a revision the account is new

if redis.call('incrby', KEYS[1], ARGV[4]) == tonumber(ARGV[4]) then
    redis.call('incrby', KEYS[1], ARGV[3])
end

redis.call('zrem', KEYS[2], id)

if named == id then
    redis.call('del', KEYS[4])
end

redis.call('set', KEYS[3], '', 'PX', ARGV[2])

return {'deleted'}
