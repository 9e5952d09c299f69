#!lua flags=no-writes
--
-- Reads all messages of a conversation, and what was found in them.
--
-- KEYS   the conversation, its messages and hits
--
-- Reply  {{piece, ...}, {hits, ...}}; {} if there is no such conversation
--

if redis.call('hexists', KEYS[1], 'meta') == 0 then
    return {}
end

return { redis.call('lrange', KEYS[2], 0, -1),
         redis.call('lrange', KEYS[3], 0, -1) }
