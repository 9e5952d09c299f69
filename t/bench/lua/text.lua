--
-- The script of the peers that take a text: writes a conversation, if the
-- trackers are still those that were looked for.
--
-- KEYS   rev, the conversation, its messages, its hits, the account's
--        conversations
-- ARGV   rev, seconds to live, the conversation, its messages, its hits, its
--        id, the time
-- Reply  "created", "stale" or "taken"
--

if redis.call('get', KEYS[1]) ~= ARGV[1] then
    return 'stale'
end

if redis.call('exists', KEYS[2]) == 1 then
    return 'taken'
end

redis.call('set', KEYS[2], ARGV[3], 'ex', ARGV[2])
redis.call('rpush', KEYS[3], ARGV[4])
redis.call('expire', KEYS[3], ARGV[2])
redis.call('rpush', KEYS[4], ARGV[5])
redis.call('expire', KEYS[4], ARGV[2])
redis.call('zadd', KEYS[5], ARGV[7], ARGV[6])
redis.call('expire', KEYS[5], ARGV[2])

return 'created'
