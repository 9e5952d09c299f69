--
-- Replaces the record of a tracker, and its name if that changes.
--
-- KEYS   lock, rev, id key, name key of the record that was read, name key of
--        the new one; where changes are kept, log and times
-- ARGV   1  the token the lock was taken with, empty: no lock is used
--        2  sha1 of the record that was read
--        3  the new record
--        4  the first revision of an account
--        5  by how much it is raised
--        6  only where changes are kept: so many
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

-- what could fail in the log must fail here

local last = KEYS[6]
             and redis.call('zrange', KEYS[6], -1, -1, 'withscores')
local changed

if last then
    changed = redis.call('hmget', KEYS[7], 'u' .. id)[1]

    local commands = { {'del', KEYS[6]}, {'zadd', KEYS[6], 1, 1},
                       {'zremrangebyrank', KEYS[6], 0, 1},
                       {'hset', KEYS[7], 1, 1}, {'time'} }

    for i = 1, #commands do
        if not redis.acl_check_cmd(unpack(commands[i])) then
            return redis.error_reply('NOPERM this user has no permissions to '
                                     .. 'run the command ' .. commands[i][1])
        end
    end
end

-- first what may fail: the revision may be no integer; without a revision the
-- account is new

local rev = redis.call('incrby', KEYS[2], ARGV[5])
local before = rev - ARGV[5]

if before == 0 then
    rev = redis.call('incrby', KEYS[2], ARGV[4])
end

redis.call('set', KEYS[3], ARGV[3])

if KEYS[4] ~= KEYS[5] then
    redis.call('set', KEYS[5], id)

    if old == id then
        redis.call('del', KEYS[4])
    end
end

-- as in create.lua, which says what they are

if last then
    local format = string.format
    local time = redis.call('time')
    local at = time[1] * 1000 + math.floor(time[2] / 1000)

    if tonumber(last[2]) ~= before then
        redis.call('del', KEYS[6])
        redis.call('zadd', KEYS[6], format('%d', before), '-')
    end

    -- a change of the same tracker in the same millisecond has that entry; a
    -- clock that was set back by more than a minute is not waited for

    changed = changed and tonumber(changed)

    if changed and changed >= at and changed < at + 60000 then
        at = changed + 1
    end

    while redis.call('zadd', KEYS[6], 'nx', format('%d', rev),
                     format('u%s %d', id, at)) == 0
    do
        at = at + 1
    end

    redis.call('zremrangebyrank', KEYS[6], 0, -ARGV[6] - 1)
    redis.call('hset', KEYS[7], 'u' .. id, format('%d', at))
end

return answer('changed')
