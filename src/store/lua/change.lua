--
-- Replaces the record of a tracker, and its name where that changes.
--
-- KEYS   lock, rev, id key, name key of the record that was read, name key of
--        the new one
-- ARGV   1  the token the lock was taken with, empty: no lock is used
--        2  sha1 of the record that was read
--        3  the new record
--        4  the revision to begin with
--        5  how much further it is raised
--
-- Reply  {"changed"}   written now, or what was asked for is there already
--        {"missing"}   there is no such tracker any more
--        {"stale"}     another record than the one that was read is there:
--                      read again, the lock stays
--        {"locked"}    another request holds the lock
--        {"conflict"}  the new name exists
--
-- Each reply but "stale" and "locked" has given the lock back.
-- There is no first line "#!lua": with it Redis refuses the whole script when
-- its memory is full, and what is sent again could not say that it was done.
-- Without it the first command that takes memory is refused.
--

local token = ARGV[1]
local holder = token ~= '' and redis.call('get', KEYS[1])


local function answer(word)
    if holder == token then
        redis.call('del', KEYS[1])
    end

    return {word}
end


local stored = redis.call('get', KEYS[3])

if not stored or stored == '' then
    return answer('missing')
end

if stored == ARGV[3] then
    return answer('changed')
end

if redis.sha1hex(stored) ~= ARGV[2] then
    return {'stale'}
end

if holder and holder ~= token then
    return {'locked'}
end

local id = string.sub(KEYS[3], -16)
local old

if KEYS[4] ~= KEYS[5] then

    if redis.call('exists', KEYS[5]) == 1 then
        return answer('conflict')
    end

    old = redis.call('get', KEYS[4])
end

-- first what may fail: a revision that is no number; without one there was no
-- account

if redis.call('incrby', KEYS[2], ARGV[5]) == tonumber(ARGV[5]) then
    redis.call('incrby', KEYS[2], ARGV[4])
end

redis.call('set', KEYS[3], ARGV[3])

if KEYS[4] ~= KEYS[5] then
    redis.call('set', KEYS[5], id)

    if old == id then
        redis.call('del', KEYS[4])
    end
end

return answer('changed')
