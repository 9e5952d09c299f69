#!lua flags=no-writes
--
-- Reads the tracker of a name.
--
-- KEYS   rev, name key; where the times of the tracker are asked for, times
-- ARGV   what all id keys begin with: which of them is read is not known before
--
-- Reply  as of list.lua, with one record or none
--

-- with a key beside it, as in list.lua

local id = redis.call('get', KEYS[2])
local record = id and (redis.call('mget', ARGV[1] .. id, KEYS[2])[1]
                       or redis.call('get', ARGV[1] .. id))

local reply = { redis.call('get', KEYS[1]) or '0', 0, '0' }

if record and record ~= '' then
    reply[4] = record
end

if KEYS[3] then
    reply[#reply + 1] = reply[4] and redis.call('hmget', KEYS[3], id, 'u' .. id)
                        or {}
end

return reply
