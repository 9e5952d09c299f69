#!lua flags=no-writes
--
-- Reads the tracker of a name.
--
-- KEYS   rev, name key
-- ARGV   what all id keys begin with: which of them is read is not known before
--
-- Reply  as of list.lua, with one record or none
--

local id = redis.call('get', KEYS[2])
local record = id and redis.call('get', ARGV[1] .. id)

local reply = { redis.call('get', KEYS[1]) or '0', 0, '0' }

if record and record ~= '' then
    reply[4] = record
end

return reply
