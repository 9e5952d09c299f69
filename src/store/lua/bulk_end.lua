--
-- Completes a large create, as the last of the transaction that bulk_begin.lua
-- has begun.
--
-- KEYS   as of bulk_begin.lua
-- ARGV   1  to 6: as of create.lua
--        7  the ids, one string
--        8  only where changes are kept: so many
--
-- Reply  {"created"}
--        {"refused"}  MSETNX has written nothing, nor has this
--

local written = redis.call('get', KEYS[4])

if written then
    redis.call('del', KEYS[4])
end

if written ~= 'yes' then
    return {'refused'}
end

-- members of one call: Lua passes less than 8,000 values

local CHUNK = 3000

-- members that make a list of them too slow, though Redis would keep one

local MANY = 64

-- life of an idempotency key in seconds; its score in the index is in
-- microseconds

local DAY = 86400
local MICRO = 1000000

local LEN = 16

local token, digest, ids = ARGV[1], ARGV[3], ARGV[7]
local n = #ids / LEN

-- Numbers go to Redis as texts: one that Lua passes on itself is printed with
-- the digits of a fraction, at the price of storing a key.

local format = string.format

-- the scores of the index are the last n revisions; without a revision the
-- account is new

-- with a log in other steps, as create.lua says

local log = #KEYS > (digest ~= '' and 6 or 4) and #KEYS - 1
local kept = log and math.min(n, tonumber(ARGV[8])) or 1
local further = ARGV[6] * kept + n - kept
local rev = redis.call('incrby', KEYS[3], format('%d', further))
local before = rev - further

if before == 0 then
    rev = redis.call('incrby', KEYS[3], ARGV[5])
end

rev = rev - n

-- In descending order: behind others a member is put after a walk past them.  A
-- new index is a list at first, through which Redis walks for each member until
-- it is long.  One member that is too wide for a list makes it what it will be,
-- and is removed again.  To format a number is as dear as to add a member: all
-- of its digits except the last are those of the one before.

local WIDE = string.rep('-', 65)
local DIGITS = { [0] = '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' }

local wide = n >= MANY and redis.acl_check_cmd('zrem', KEYS[2], WIDE)
local sub = string.sub
local tens

if wide then
    redis.call('zadd', KEYS[2], '0', WIDE)
end

for i = n, 1, -CHUNK do
    local members = {}
    local m = 0

    for j = i, math.max(i - CHUNK + 1, 1), -1 do
        local digit = (rev + j) % 10

        if digit == 9 or not tens then
            tens = format('%d', (rev + j - digit) / 10)
        end

        members[m + 1] = tens .. DIGITS[digit]
        members[m + 2] = sub(ids, LEN * (j - 1) + 1, LEN * j)
        m = m + 2
    end

    redis.call('zadd', KEYS[2], unpack(members))
end

if wide then
    redis.call('zrem', KEYS[2], WIDE)
end

-- as in create.lua, which says what they are; entries that would be removed
-- again are not made

if log then
    local time = redis.call('time')
    local at = time[1] .. format('%03d', time[2] / 1000)
    local last = redis.call('zrange', KEYS[log], -1, -1, 'withscores')

    if tonumber(last[2]) ~= before then
        redis.call('del', KEYS[log])
        redis.call('zadd', KEYS[log], format('%d', before), '-')
    end

    for i = 1, n, CHUNK do
        local entries, times = {}, {}
        local m = 0

        for j = i, math.min(i + CHUNK - 1, n) do
            local id = sub(ids, LEN * (j - 1) + 1, LEN * j)

            times[m + 1] = id
            times[m + 2] = at
            m = m + 2

            if j > n - ARGV[8] then
                entries[#entries + 1] = format('%d', rev + j)
                entries[#entries + 1] = 'c' .. id .. ' ' .. at
            end
        end

        if #entries > 0 then
            redis.call('zadd', KEYS[log], unpack(entries))
        end

        redis.call('hset', KEYS[log + 1], unpack(times))
    end

    redis.call('zremrangebyrank', KEYS[log], 0, -ARGV[8] - 1)
end

local most = digest ~= '' and tonumber(ARGV[4]) or 0

-- For the new idempotency key the two oldest ones of the account are removed,
-- if there are too many or they have expired.  Only KEYS[6] tells which, so
-- they are not among KEYS.  They begin as KEYS[5] does, and so have the hash
-- tag of all the others.  One of them may be KEYS[5], of a day ago, which is
-- therefore written after this.

if most > 0 then
    local time = redis.call('time')
    local now = time[1] * MICRO + time[2]

    local left = redis.call('zcard', KEYS[6])
    local oldest = redis.call('zrange', KEYS[6], 0, 1, 'withscores')

    for i = 1, #oldest, 2 do
        if left >= most or tonumber(oldest[i + 1]) <= now - DAY * MICRO
        then
            redis.call('zrem', KEYS[6], oldest[i])
            redis.call('del', sub(KEYS[5], 1, -65) .. oldest[i])
            left = left - 1
        end
    end

    redis.call('zadd', KEYS[6], format('%d', now), sub(KEYS[5], -64))
    redis.call('expire', KEYS[6], DAY)
end

if digest ~= '' then
    redis.call('hset', KEYS[5], 'digest', digest, 'ids', ids)
    redis.call('expire', KEYS[5], DAY)
end

if token ~= '' and redis.call('get', KEYS[1]) == token then
    redis.call('del', KEYS[1])
end

return {'created'}
