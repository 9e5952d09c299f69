--
-- Replaces the record of a tracker, and its name if that changes.
--
-- KEYS   lock, rev, id key, name key of the record that was read, name key of
--        the new one
-- ARGV   1  the token the lock was taken with, empty: no lock is used
--        2  sha1 of the record that was read
--        3  the new record
--        4  the first revision of an account
--        5  by how much it is raised
--
-- Reply  {"changed"}   written now, or the new record is there already
--        {"missing"}   the tracker does not exist any more
--        {"stale"}     the record has changed since it was read: read it
--                      again, the lock is kept
--        {"locked"}    another request holds the lock
--        {"conflict", 1, 0, id}  the new name exists; id: of its tracker; nil
--                              if that is no string
--
-- Each reply except "stale" and "locked" has released the lock.
-- There is no first line "#!lua": with it Redis refuses the whole script when
-- its memory is full, and a call that is sent again could not learn that it was
-- done.  Without it Redis refuses the first command that takes memory.
--

local token = ARGV[1]
local holder = token ~= '' and redis.call('get', KEYS[1])


local function answer(...)
    if holder == token then
        redis.call('del', KEYS[1])
    end

    return {...}
end


-- The same where an earlier call has written: with a write that changes
-- nothing, so that a WAIT behind this call counts the replicas that have it.
-- EXPIRE, which does nothing here, comes first: a full Redis refuses INCRBY
-- only where it is the first write of a script.

local function answer_again(word)
    redis.call('expire', KEYS[2], 1, 'gt')
    redis.call('incrby', KEYS[2], 0)

    return answer(word)
end


local stored = redis.call('get', KEYS[3])

if not stored or stored == '' then
    return answer('missing')
end

if stored == ARGV[3] then
    return answer_again('changed')
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
        return answer('conflict', 1, 0, redis.call('mget', KEYS[5])[1])
    end

    old = redis.call('get', KEYS[4])
end

-- first what may fail: the revision may be no integer; without a revision the
-- account is new

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
