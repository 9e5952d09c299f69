#!lua
--
-- The first of a transaction that writes a large conversation: this, RPUSH of
-- the messages, conversation_write.lua.  The messages do not go through Lua.
--
-- KEYS   where they are written
--
-- Reply  1: something was left there; 0: nothing was
--
-- As to the first line see bulk_begin.lua.
--

return redis.call('del', KEYS[1])
