#!lua
--
-- Counts the pieces of a large conversation's messages that are there so far,
-- as the first of each transaction that writes one more: this, RPUSH of it, and
-- this again; or, as the last of all, conversation_write.lua.  The messages do
-- not go through Lua.
--
-- KEYS   where the pieces are written
-- ARGV   1  how many should be there; others are removed
--        2  seconds that they stay there from now on
--
-- Reply  how many are there
--
-- Where a transaction between the first and the last is sent again that was
-- done before, there are too many, and after a failover perhaps too few: then
-- all begin anew, elsewhere.
-- As to the first line see bulk_begin.lua.
--

local n = redis.call('llen', KEYS[1])

if n ~= tonumber(ARGV[1]) then
    redis.call('del', KEYS[1])

    return 0
end

redis.call('expire', KEYS[1], ARGV[2])

return n
