--
-- The script of the Lua and of the Node peer: creates the trackers of one
-- request, all of them or none, and gives the lock back.
--
-- KEYS   lock, index, rev, then n name keys, then n id keys
-- ARGV   the token of the lock, then n ids, then n records
-- Reply  {"created"}, {"locked"}, {"taken"} or {"conflict", place, ...}
--

local n = (#KEYS - 3) / 2

if redis.call('get', KEYS[1]) ~= ARGV[1] then
    return {'locked'}
end

local conflict = {'conflict'}

for i = 1, n do
    if redis.call('exists', KEYS[3 + i]) == 1 then
        conflict[#conflict + 1] = i - 1
    end

    if redis.call('exists', KEYS[3 + n + i]) == 1 then
        redis.call('del', KEYS[1])
        return {'taken'}
    end
end

if #conflict > 1 then
    redis.call('del', KEYS[1])
    return conflict
end

local rev = redis.call('incrby', KEYS[3], n) - n

for i = 1, n do
    redis.call('set', KEYS[3 + i], ARGV[1 + i])
    redis.call('set', KEYS[3 + n + i], ARGV[1 + n + i])
    redis.call('zadd', KEYS[2], rev + i, ARGV[1 + i])
end

redis.call('del', KEYS[1])

return {'created'}
