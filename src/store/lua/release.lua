#!lua flags=allow-oom
--
-- Gives the lock back, if it is still ours.
--
-- KEYS   lock
-- ARGV   the token it was taken with
--
-- Reply  1: it was ours; 0: it was not
--

if redis.call('get', KEYS[1]) == ARGV[1] then
    return redis.call('del', KEYS[1])
end

return 0
