#!lua flags=no-writes
--
-- Reads who speaks in a conversation, in the order in which they first did.
--
-- KEYS   the conversation, its members
--
-- Reply  {members}, JSON texts joined by commas; {} if there is no such
--        conversation
--

if redis.call('hexists', KEYS[1], 'meta') == 0 then
    return {}
end

return { table.concat(redis.call('zrange', KEYS[2], 0, -1), ',') }
