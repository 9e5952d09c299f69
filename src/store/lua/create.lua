--
-- Creates the trackers of one request: all of them, or none.
--
-- KEYS   lock, index, rev; if ARGV[3] is not empty, the idempotency key and
--        the index of these keys; then n name keys; then n id keys in the same
--        order
-- ARGV   1  the token the lock was taken with, empty: no lock is used
--        2  most trackers the account may have, 0: unlimited
--        3  digest of the request, empty: no Idempotency-Key was sent
--        4  most idempotency keys the account may have, 0: unlimited
--        5  the first revision of an account
--        6  by how much it is raised
--        7  ... n records, the JSON text of each tracker
--
-- Reply  {"created"}           written now, or by an earlier run of this call
--        {"replayed", ids}     an earlier request had the same idempotency
--                              key and digest; ids: its ids, one string
--        {"reused"}            another request had the same idempotency key
--        {"locked"}            another request holds the lock
--        {"conflict", total, i, ...}  total names exist; i: the first ten of
--                              their places
--        {"quota", have}       the account would have too many
--        {"taken"}             an id is in use: choose others, the lock is kept
--
-- Every check comes before the first write: Redis does not roll back.  Each
-- reply except "locked" and "taken" has released the lock.
-- There is no first line "#!lua": with it Redis refuses the whole script when
-- its memory is full, and a call that is sent again could not learn that it was
-- done.  Without it Redis refuses the first command that takes memory.
--

local CHUNK = 500

-- life of an idempotency key in seconds; its score in the index is in
-- microseconds

local DAY = 86400
local MICRO = 1000000

local VALUES = 6

local n = #ARGV - VALUES
local names = #KEYS - 2 * n
local ids = names + n

local token = ARGV[1]
local holder = token ~= '' and redis.call('get', KEYS[1])


local function answer(...)
    if holder == token then
        redis.call('del', KEYS[1])
    end

    return {...}
end


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


-- the first ten places of names that exist

local function conflicts(counts)
    local places = {}

    for chunk, count in ipairs(counts) do
        local first = (chunk - 1) * CHUNK

        if count > 0 then
            local last = math.min(first + CHUNK, n)
            local found = redis.call('mget', unpack(KEYS, names + first + 1,
                                                    names + last))

            for j = 1, #found do
                if found[j] then
                    places[#places + 1] = first + j - 1
                end

                if #places == 10 then
                    return places
                end
            end
        end
    end

    return places
end


-- all names, and the first id: it exists if this call has run before

local total, counts = existing(names + 1, ids + 1)

if total > 0 and redis.call('exists', KEYS[ids + 1]) == 1 then
    return answer('created')
end

if ARGV[3] ~= '' then
    local earlier = redis.call('hmget', KEYS[4], 'digest', 'ids')

    if earlier[1] == ARGV[3] then
        return answer('replayed', earlier[2])
    end

    if earlier[1] then
        return answer('reused')
    end
end

if holder and holder ~= token then
    return {'locked'}
end

if total > 0 then
    return answer('conflict', total, unpack(conflicts(counts)))
end

local quota = tonumber(ARGV[2])

if quota > 0 then
    local have = redis.call('zcard', KEYS[2])

    if have + n > quota then
        return answer('quota', have)
    end
end

if existing(ids + 2, ids + n) > 0 then
    return {'taken'}
end

-- For the new idempotency key the two oldest ones of the account are removed,
-- if there are too many or they have expired.

local most = ARGV[3] ~= '' and tonumber(ARGV[4]) or 0
local gone = {}
local now

if most > 0 then
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

-- first what may fail: the revision may be no integer; without a revision the
-- account is new

local further = ARGV[6] + n - 1
local rev = redis.call('incrby', KEYS[3], further)

if rev == further then
    rev = redis.call('incrby', KEYS[3], ARGV[5])
end

-- the scores of the index are the last n revisions

rev = rev - n

local chosen = {}

for i = 1, n, CHUNK do
    local values, members = {}, {}
    local v, m = 0, 0

    for j = i, math.min(i + CHUNK - 1, n) do
        local id = string.sub(KEYS[ids + j], -16)

        values[v + 1] = KEYS[names + j]
        values[v + 2] = id
        values[v + 3] = KEYS[ids + j]
        values[v + 4] = ARGV[VALUES + j]
        v = v + 4

        members[m + 1] = rev + j
        members[m + 2] = id
        m = m + 2

        chosen[j] = id
    end

    -- the index first: if it is not a sorted set, this fails and no tracker is
    -- written

    redis.call('zadd', KEYS[2], unpack(members))
    redis.call('mset', unpack(values))
end

-- Only KEYS[5] tells which keys are removed, so they are not among KEYS.  They
-- begin as KEYS[4] does, and so have the hash tag of all the others.

for i = 1, #gone do
    redis.call('zrem', KEYS[5], gone[i])
    redis.call('del', string.sub(KEYS[4], 1, -65) .. gone[i])
end

if ARGV[3] ~= '' then
    redis.call('hset', KEYS[4], 'digest', ARGV[3], 'ids', table.concat(chosen))
    redis.call('expire', KEYS[4], DAY)
end

if most > 0 then
    redis.call('zadd', KEYS[5], now, string.sub(KEYS[4], -64))
    redis.call('expire', KEYS[5], DAY)
end

return answer('created')
