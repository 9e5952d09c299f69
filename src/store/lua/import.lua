--
-- Writes what one import creates and changes: all of it, or nothing.  What
-- becomes of each tracker was decided by what the account had at a revision,
-- which must be that of the account still.
--
-- KEYS   lock, index, rev, mark; if ARGV[3] is not empty, the idempotency key
--        and the index of these keys; where changes are kept, log and times;
--        then the name keys of the new trackers;
--        then their id keys in the same order; then the id keys of those that
--        change; then the name keys of those that are deleted, and their id
--        keys in the same order
-- ARGV   1  to 6: as of create.lua
--        7  number of new trackers
--        8  the revision, empty: there was none
--        9  life of the mark, and of tombstones, in milliseconds
--        10 number of trackers that are deleted
--        11 what a request with the same idempotency key is told
--        12 only where changes are kept: so many
--        then the records, in the order of the id keys
--
-- Reply  {"imported"}          written now, or by an earlier run of this call,
--                              which has left the mark
--        {"replayed", told}    an earlier request had the same idempotency
--                              key and digest
--        {"reused"}            another request had the same idempotency key
--        {"locked"}            another request holds the lock
--        {"quota", have}       the account would have too many
--        {"stale"}             the account has changed, the lock is kept
--        {"taken"}             an id or a name is in use: match anew and choose
--                              other ids, the lock is kept
--
-- Each reply except "locked", "stale", "taken" and errors has released the
-- lock.  The mark is an empty id key, as that of a tracker that was deleted.
-- All that may fail comes before the first write, for the memory is full only
-- to that one.  As to the first line see create.lua.
--

-- life of an idempotency key in seconds; its score in the index is in
-- microseconds

local DAY = 86400
local MICRO = 1000000

-- keys of one call: Lua passes less than 8,000 values

local CHUNK = 1000

-- see bulk_end.lua

local MANY = 64
local WIDE = string.rep('-', 65)

local n = tonumber(ARGV[7])
local ngone = tonumber(ARGV[10])
local gone = #KEYS - 2 * ngone

-- with log and times there are two keys and one value more

local log = gone - n - (#ARGV - 11) > (ARGV[3] ~= '' and 6 or 4)

local VALUES = log and 12 or 11
local total = #ARGV - VALUES
local ids = gone - total
local names = ids - n

log = log and names - 1

local token, digest = ARGV[1], ARGV[3]
local quota = tonumber(ARGV[2])
local most = digest ~= '' and tonumber(ARGV[4]) or 0
local holder = token ~= '' and redis.call('get', KEYS[1])
local mark = redis.call('get', KEYS[4])
local have = redis.call('zcard', KEYS[2])


local function answer(...)
    if holder == token then
        redis.call('del', KEYS[1])
    end

    return {...}
end


-- with a write that changes nothing, see create.lua

local function answer_again(...)
    redis.call('expire', KEYS[3], 1, 'gt')
    redis.call('incrby', KEYS[3], 0)

    return answer(...)
end


if mark == '' then
    return answer_again('imported')
end

if mark then
    return {'taken'}
end

if holder and holder ~= token then
    return {'locked'}
end

if digest ~= '' then
    local earlier = redis.call('hmget', KEYS[5], 'digest', 'ids')

    if earlier[1] == digest then
        return answer_again('replayed', earlier[2])
    end

    if earlier[1] then
        return answer('reused')
    end

    redis.call('zcard', KEYS[6])
end

local rev = redis.call('get', KEYS[3]) or ''

if rev ~= ARGV[8] then
    return {'stale'}
end

if rev ~= '' and rev ~= '0'
   and (#rev > 16 or not string.find(rev, '^[1-9]%d*$'))
then
    return redis.error_reply('ERR the revision is not an integer')
end

if n > ngone and quota > 0 and have + n - ngone > quota then
    return answer('quota', have)
end

-- the names and the ids of the new trackers; a name can only exist here where
-- its key is no string

for i = names + 1, ids + n, CHUNK do
    local last = math.min(i + CHUNK - 1, ids + n)

    if redis.call('exists', unpack(KEYS, i, last)) > 0 then
        return {'taken'}
    end
end

local commands = { {'mset', KEYS[3], 1}, {'incrby', KEYS[3], 1},
                   {'zadd', KEYS[2], 1, 1}, {'del', KEYS[1]} }

if ngone > 0 then
    commands[#commands + 1] = {'mget', KEYS[gone + 1]}
    commands[#commands + 1] = {'zrem', KEYS[2], 1}
end

if digest ~= '' then
    commands[#commands + 1] = {'hset', KEYS[5], 1, 1}
    commands[#commands + 1] = {'expire', KEYS[5], 1}
    commands[#commands + 1] = {'zadd', KEYS[6], 1, 1}
    commands[#commands + 1] = {'zrange', KEYS[6], 0, 1, 'withscores'}
    commands[#commands + 1] = {'zrem', KEYS[6], 1}
    commands[#commands + 1] = {'time'}
end

if log then
    redis.call('zcard', KEYS[log])
    redis.call('hmget', KEYS[log + 1], '-')

    commands[#commands + 1] = {'zrange', KEYS[log], -1, -1, 'withscores'}
    commands[#commands + 1] = {'zadd', KEYS[log], 1, 1}
    commands[#commands + 1] = {'zremrangebyrank', KEYS[log], 0, 1}
    commands[#commands + 1] = {'hset', KEYS[log + 1], 1, 1}
    commands[#commands + 1] = {'hdel', KEYS[log + 1], 1}
    commands[#commands + 1] = {'time'}
end

for i = 1, #commands do
    if not redis.acl_check_cmd(unpack(commands[i])) then
        return redis.error_reply('NOPERM this user has no permissions to run '
                                 .. 'the command ' .. commands[i][1])
    end
end

-- what writes nothing may be done again

if total + ngone > 0 or digest ~= '' then
    redis.call('set', KEYS[4], '', 'px', ARGV[9])
end

-- numbers go to Redis as texts, see create.lua

local format = string.format

-- the scores of the index are the last n revisions; without a revision the
-- account is new; in the log each change has a revision

local raised

if total + ngone > 0 then
    -- with a log in other steps, as create.lua says

    local all = math.max(log and total + ngone or n, 1)
    local kept = log and math.min(all, tonumber(ARGV[12])) or 1
    local further = ARGV[6] * kept + all - kept

    raised = redis.call('incrby', KEYS[3], format('%d', further))

    if rev == '' then
        raised = redis.call('incrby', KEYS[3], ARGV[5])
    end

    -- see bulk_end.lua

    local wide = n >= MANY and redis.acl_check_cmd('zrem', KEYS[2], WIDE)

    if wide then
        redis.call('zadd', KEYS[2], '0', WIDE)
    end

    for i = n, 1, -CHUNK do
        local members = {}

        for j = i, math.max(i - CHUNK + 1, 1), -1 do
            members[#members + 1] = format('%d', raised - n + j)
            members[#members + 1] = string.sub(KEYS[ids + j], -16)
        end

        redis.call('zadd', KEYS[2], unpack(members))
    end

    if wide then
        redis.call('zrem', KEYS[2], WIDE)
    end
end

for i = 1, total, CHUNK do
    local values = {}
    local v = 0

    for j = i, math.min(i + CHUNK - 1, total) do
        if j <= n then
            values[v + 1] = KEYS[names + j]
            values[v + 2] = string.sub(KEYS[ids + j], -16)
            v = v + 2
        end

        values[v + 1] = KEYS[ids + j]
        values[v + 2] = ARGV[VALUES + j]
        v = v + 2
    end

    redis.call('mset', unpack(values))
end

-- a name that is not theirs stays, as in delete.lua

for i = 1, ngone, CHUNK do
    local last = math.min(i + CHUNK - 1, ngone)
    local named = redis.call('mget', unpack(KEYS, gone + i, gone + last))
    local free, members = {}, {}

    for j = i, last do
        local key = KEYS[gone + ngone + j]
        local id = string.sub(key, -16)

        redis.call('set', key, '', 'px', ARGV[9])
        members[#members + 1] = id

        if named[j - i + 1] == id then
            free[#free + 1] = KEYS[gone + j]
        end
    end

    redis.call('zrem', KEYS[2], unpack(members))

    if #free > 0 then
        redis.call('del', unpack(free))
    end
end

-- As in create.lua, which says what they are: first those that are deleted,
-- then those that change, then the new ones.  Entries that would be removed
-- again are not made.

if raised and log then
    local time = redis.call('time')
    local at = time[1] * 1000 + math.floor(time[2] / 1000)
    local before = tonumber(rev) or 0
    local all = ngone + total
    local last = redis.call('zrange', KEYS[log], -1, -1, 'withscores')

    -- a change of the same tracker in the same millisecond has that entry; a
    -- clock that was set back is not waited for

    local latest = last[1] and tonumber(string.match(last[1], ' (%d+)$'))

    if latest and latest >= at and latest < at + 1000 then
        at = latest + 1
    end

    at = format('%d', at)

    if tonumber(last[2]) ~= before then
        redis.call('del', KEYS[log])
        redis.call('zadd', KEYS[log], format('%d', before), '-')
    end

    for i = 1, all, CHUNK do
        local entries, times, fields = {}, {}, {}

        for j = i, math.min(i + CHUNK - 1, all) do
            local op, place = 'd', gone + ngone + j

            if j > ngone then
                place = ids + n + j - ngone
                op = 'u'
            end

            if j > all - n then
                place = ids + j - (all - n)
                op = 'c'
            end

            local id = string.sub(KEYS[place], -16)

            if op == 'd' then
                fields[#fields + 1] = id
                fields[#fields + 1] = 'u' .. id

            else
                times[#times + 1] = op == 'c' and id or 'u' .. id
                times[#times + 1] = at
            end

            if j > all - ARGV[12] then
                entries[#entries + 1] = format('%d', raised - all + j)
                entries[#entries + 1] = op .. id .. ' ' .. at
            end
        end

        if #entries > 0 then
            redis.call('zadd', KEYS[log], unpack(entries))
        end

        if #times > 0 then
            redis.call('hset', KEYS[log + 1], unpack(times))
        end

        if #fields > 0 then
            redis.call('hdel', KEYS[log + 1], unpack(fields))
        end
    end

    redis.call('zremrangebyrank', KEYS[log], 0, -ARGV[12] - 1)
end

-- Only KEYS[6] tells which keys are removed, see bulk_end.lua.

if most > 0 then
    local time = redis.call('time')
    local now = time[1] * MICRO + time[2]
    local left = redis.call('zcard', KEYS[6])
    local oldest = redis.call('zrange', KEYS[6], 0, 1, 'withscores')

    for i = 1, #oldest, 2 do
        if left >= most or tonumber(oldest[i + 1]) <= now - DAY * MICRO
        then
            redis.call('zrem', KEYS[6], oldest[i])
            redis.call('del', string.sub(KEYS[5], 1, -65) .. oldest[i])
            left = left - 1
        end
    end

    redis.call('zadd', KEYS[6], format('%d', now),
               string.sub(KEYS[5], -64))
    redis.call('expire', KEYS[6], DAY)
end

if digest ~= '' then
    redis.call('hset', KEYS[5], 'digest', digest, 'ids', ARGV[11])
    redis.call('expire', KEYS[5], DAY)
end

return answer('imported')
