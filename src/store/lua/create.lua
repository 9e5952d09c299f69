--
-- Creates the trackers of one request: all of them, or none.
--
-- KEYS   lock, index, rev; if ARGV[3] is not empty, the idempotency key and
--        the index of these keys; where changes are kept, log and times; then
--        n name keys; then n id keys in the same order
-- ARGV   1  the token the lock was taken with, empty: no lock is used
--        2  most trackers the account may have, 0: unlimited
--        3  digest of the request, empty: no Idempotency-Key was sent
--        4  most idempotency keys the account may have, 0: unlimited
--        5  the first revision of an account
--        6  by how much it is raised
--        7  n
--        8  not empty: the command ahead of this one, in the same write, takes
--           the lock, which must be ours
--        9  only where changes are kept: so many
--        then n records, the JSON text of each tracker, as many as Lua can
--           pass on in one call; or none: nothing is written
--
-- Reply  {"created"}           written now, or by an earlier run of this call
--        {"replayed", ids}     an earlier request had the same idempotency
--                              key and digest; ids: its ids, one string
--        {"reused"}            another request had the same idempotency key
--        {"locked"}            another request holds the lock
--        {"conflict", total, i, id, ...}  total names exist; i, id: the places
--                              of the first hundred, and what has the names;
--                              nil if that is no string
--        {"quota", have}       the account would have too many
--        {"taken"}             an id is in use: choose others, the lock is kept
--        {"free"}              there were no records, and nothing speaks
--                              against them; the lock is kept
--        {"unlocked"}          nobody holds the lock, which must be ours: it
--                              was refused, or another's, and was given back
--
-- log is a sorted set.  The score of a member is the revision of a change.  It
-- says what was done (c, u or d: created, changed, deleted), the id, and when:
-- "c6179531240852361 1764350000000", in ms since 1970.  It begins with "-",
-- whose score is the revision before the first change, until that is one too
-- many; it has all since, as long as its last score is the account's revision.
-- times is a hash.  Field <id>: when the tracker was created, u<id>: when it
-- was changed last.
--
-- MSETNX checks the names and ids, and writes; only where it does not is it
-- asked why.  Redis does not roll back: what else may fail comes before, or
-- what was written is removed.  Each reply except "locked", "unlocked", "taken"
-- and "free" has released the lock.
-- There is no first line "#!lua": with it Redis refuses the whole script when
-- its memory is full, and a call that is sent again could not learn that it was
-- done.  Without it Redis refuses the first command that takes memory.
--

-- life of an idempotency key in seconds; its score in the index is in
-- microseconds

local DAY = 86400
local MICRO = 1000000

local n = tonumber(ARGV[7])
local names = #KEYS - 2 * n
local ids = names + n

-- the place of log among KEYS, or false

local log = names > (ARGV[3] ~= '' and 5 or 3) and names - 1

local VALUES = log and 9 or 8

local token = ARGV[1]
local digest = ARGV[3]
local quota = tonumber(ARGV[2])
local most = digest ~= '' and tonumber(ARGV[4]) or 0

local holder = token ~= '' and redis.call('get', KEYS[1])
local locked = token ~= '' and holder ~= token and (holder or ARGV[8] ~= '')
local have = quota > 0 and redis.call('zcard', KEYS[2])
local earlier = digest ~= ''
                and redis.call('hmget', KEYS[4], 'digest', 'ids') or {}


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

local function answer_again(...)
    redis.call('expire', KEYS[3], 1, 'gt')
    redis.call('incrby', KEYS[3], 0)

    return answer(...)
end


-- For the new idempotency key the two oldest ones of the account are removed,
-- if there are too many or they have expired.

local gone = {}
local now

if most > 0 and not earlier[1] then
    local time = redis.call('time')
    now = time[1] * MICRO + time[2]

    local left = redis.call('zcard', KEYS[5])
    local oldest = redis.call('zrange', KEYS[5], 0, 1, 'withscores')

    for i = 1, #oldest, 2 do
        if left >= most or tonumber(oldest[i + 1]) <= now - DAY * MICRO
        then
            gone[#gone + 1] = oldest[i]
            left = left - 1
        end
    end
end


-- names and records, in pairs of a key and its value

local values = {}
local written
local last

if #ARGV > VALUES then
    local v = 0

    for j = 1, n do
        values[v + 1] = KEYS[names + j]
        values[v + 2] = string.sub(KEYS[ids + j], -16)
        values[v + 3] = KEYS[ids + j]
        values[v + 4] = ARGV[VALUES + j]
        v = v + 4
    end

    if not locked and not earlier[1] and (not have or have + n <= quota) then

        -- what could fail in the log must fail here

        if log then
            last = redis.call('zrange', KEYS[log], -1, -1, 'withscores')
            redis.call('hmget', KEYS[log + 1], '-')

            if not redis.acl_check_cmd('zremrangebyrank', KEYS[log], 0, 1)
               or not redis.acl_check_cmd('hset', KEYS[log + 1], 1, 1)
               or not redis.acl_check_cmd('time')
            then
                return redis.error_reply('NOPERM this user has no permissions '
                                         .. 'to keep changes')
            end
        end

        written = redis.pcall('msetnx', unpack(values))
    end
end

if written ~= 1 then

    -- keys of one call: Lua passes less than 8,000 values

    local CHUNK = 500


    -- how many of the keys from first to last exist: in all, and by chunk

    local function existing(first, last)
        local total, counts = 0, {}

        for i = first, last, CHUNK do
            local to = math.min(i + CHUNK - 1, last)
            local count = redis.call('exists', unpack(KEYS, i, to))

            counts[#counts + 1] = count
            total = total + count
        end

        return total, counts
    end


    -- the first hundred places of names that exist, and their ids: false where
    -- another program has written something else than a string

    local function conflicts(counts)
        local places = {}

        for chunk, count in ipairs(counts) do
            local first = (chunk - 1) * CHUNK

            if count > 0 then
                local last = math.min(first + CHUNK, n)
                local found = redis.call('mget', unpack(KEYS, names + first + 1,
                                                        names + last))

                for j = 1, #found do
                    count = count - (found[j] and 1 or 0)
                end

                for j = 1, #found do
                    if found[j] or count > 0
                       and redis.call('exists', KEYS[names + first + j]) == 1
                    then
                        places[#places + 1] = first + j - 1
                        places[#places + 1] = found[j]
                    end

                    if #places == 200 then
                        return places
                    end
                end
            end
        end

        return places
    end


    -- the first id exists if this call has run before

    if redis.call('exists', KEYS[ids + 1]) == 1 then
        return answer_again('created')
    end

    if locked then
        return {holder and 'locked' or 'unlocked'}
    end

    if earlier[1] == digest then
        return answer_again('replayed', earlier[2])
    end

    if earlier[1] then
        return answer('reused')
    end

    local total, counts = existing(names + 1, ids)

    if total > 0 then
        return answer('conflict', total, unpack(conflicts(counts)))
    end

    if have and have + n > quota then
        return answer('quota', have)
    end

    if existing(ids + 1, ids + n) > 0 then
        return {'taken'}
    end

    if #values == 0 then
        return {'free'}
    end

    -- MSETNX was refused: to a user who may do MSET only, or since the memory
    -- is full

    redis.call('mset', unpack(values))
end

-- Numbers go to Redis as texts: one that Lua passes on itself is printed with
-- the digits of a fraction, at the price of storing a key.

local format = string.format

-- what may fail: the revision may be no integer, the index no sorted set;
-- without a revision the account is new

-- With a log the last ones have consecutive revisions there.  The step is a
-- multiple of their number: so one that a failover has lost is as rarely the
-- revision of one of them as of one tracker.

local kept = log and math.min(n, tonumber(ARGV[9])) or 1
local further = ARGV[6] * kept + n - kept
local rev = redis.pcall('incrby', KEYS[3], format('%d', further))
local new = rev == further

if new then
    rev = redis.pcall('incrby', KEYS[3], ARGV[5])
end

local failed = type(rev) == 'table' and rev

if not failed then
    local members = {}

    -- the scores of the index are the last n revisions

    for j = 1, n do
        members[2 * j - 1] = format('%d', rev - n + j)
        members[2 * j] = values[4 * j - 2]
    end

    local added = redis.pcall('zadd', KEYS[2], unpack(members))

    failed = type(added) == 'table' and added
end

if failed then
    redis.call('del', unpack(KEYS, names + 1, ids + n))

    return failed
end

-- A log that does not end at the revision before this write begins anew: others
-- have written without one.

if log then
    local before = new and 0 or rev - further
    local time = redis.call('time')
    local at = time[1] .. format('%03d', time[2] / 1000)
    local entries, times = {}, {}

    if tonumber(last[2]) ~= before then
        redis.call('del', KEYS[log])
        entries = {format('%d', before), '-'}
    end

    for j = 1, n do
        local id = values[4 * j - 2]

        entries[#entries + 1] = format('%d', rev - n + j)
        entries[#entries + 1] = 'c' .. id .. ' ' .. at
        times[2 * j - 1] = id
        times[2 * j] = at
    end

    redis.call('zadd', KEYS[log], unpack(entries))
    redis.call('zremrangebyrank', KEYS[log], 0, -ARGV[9] - 1)
    redis.call('hset', KEYS[log + 1], unpack(times))
end

-- Only KEYS[5] tells which keys are removed, so they are not among KEYS.  They
-- begin as KEYS[4] does, and so have the hash tag of all the others.

for i = 1, #gone do
    redis.call('zrem', KEYS[5], gone[i])
    redis.call('del', string.sub(KEYS[4], 1, -65) .. gone[i])
end

if digest ~= '' then
    local chosen = {}

    for j = 1, n do
        chosen[j] = string.sub(KEYS[ids + j], -16)
    end

    redis.call('hset', KEYS[4], 'digest', digest, 'ids', table.concat(chosen))
    redis.call('expire', KEYS[4], DAY)
end

if most > 0 then
    redis.call('zadd', KEYS[5], format('%d', now),
               string.sub(KEYS[4], -64))
    redis.call('expire', KEYS[5], DAY)
end

return answer('created')
