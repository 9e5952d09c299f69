#!lua flags=allow-oom
--
-- Releases the lock, if the request still holds it.
--
-- KEYS   lock
-- ARGV   the token it was taken with
--
-- Reply  1: it is released; 0: the request did not hold it
--

if redis.call('get', KEYS[1]) == ARGV[1] then
    return redis.call('del', KEYS[1])
end

return 0
