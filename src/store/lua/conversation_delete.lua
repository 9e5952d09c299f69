#!lua flags=allow-oom
--
-- Deletes a conversation.
--
-- KEYS   the conversation, its messages, hits and members; the account's
--        conversations
-- ARGV   1  life of the tombstone in ms: until then a create that is sent again
--           does not bring the conversation back
--
-- Reply  {"deleted"}
--        {"gone"}      it was deleted before, a short time ago
--        {"missing"}   there is no such conversation
--

local conv = KEYS[1]
local have = redis.call('hmget', conv, 'meta', 'first')

if not have[1] and not have[2] then
    return {'missing'}
end

-- a write, so that a WAIT behind this call counts the replicas that have it

if not have[1] then
    redis.call('pexpire', conv, ARGV[1])

    return {'gone'}
end

-- first what may fail: the account's conversations may be no sorted set

redis.call('zrem', KEYS[5], string.sub(conv, -16))
redis.call('unlink', conv, KEYS[2], KEYS[3], KEYS[4])

redis.call('hset', conv, 'first', have[2] or '')
redis.call('pexpire', conv, ARGV[1])

return {'deleted'}
