--
-- Writes the messages of one job: those of a new conversation, or more of it.
--
-- KEYS   rev of the trackers; the conversation, its messages, hits and members;
--        the account's conversations; and where a new one is or was to be
--        written by transactions, where these write the messages
-- ARGV   1  "create", "append", or of a transaction "staged": a create whose
--           messages are there already
--        2  the revision that the hits were found with; empty: any
--        3  id of the job's first message, by which the job is recognised
--        4  seconds that the conversation lives from now on
--        5  most bytes it may have
--        6  its name and the like, members of a JSON object
--        7  when it begins and
--        8  when it ends, JSON strings
--        9  who speaks, a line each
--        10 the hits
--        11 ... pieces of the messages; staged: their bytes, and how many
--        pieces there are
--        Of an append, 6 to 8 may be empty: then they stay as they are.
--
-- Reply  {"created", number}   written now, or by an earlier run of this call;
--                              number: of the job
--        {"missing"}           there is no such conversation to append to
--        {"taken"}             the id is in use: choose another
--        {"lost"}              not all pieces are there: the same
--        {"stale"}             the trackers have another revision
--        {"large", bytes}      the conversation would have so many
--
-- A conversation that was deleted keeps the field "first" for a while: a create
-- that is sent again does not bring it back.
-- Every check comes before the first write: Redis does not roll back.  Each
-- key is read before, so that one of another type is found there.
-- There is no first line "#!lua": with it Redis refuses the whole script when
-- its memory is full, and a call that is sent again could not learn that it was
-- done.  Without it Redis refuses the first command that takes memory.
--

local CHUNK = 500

-- what a job costs besides its bytes

local COST = 128

local VALUES = 10

local conv, msgs, hits, who, convs, stage = unpack(KEYS, 2)
local append, staged = ARGV[1] == 'append', ARGV[1] == 'staged'
local redis = redis


-- What transactions have written stays nowhere else, also where this fails, or
-- where they were refused.  It is not removed first: behind a write Redis would
-- not look any more whether its memory is full.

local function answer(...)
    if stage then
        redis.pcall('del', stage)
    end

    return {...}
end


if stage then
    local server = redis

    redis = { pcall = server.pcall }

    function redis.call(...)
        local reply = server.pcall(...)

        if type(reply) == 'table' and reply.err then
            answer()
            error(reply.err, 0)
        end

        return reply
    end
end

local have = redis.call('hmget', conv, 'meta', 'start', 'end', 'first',
                        'bytes', 'jobs', ARGV[3])


-- all keys of a conversation expire together

local function expire()
    for i = 2, 6 do
        redis.call('expire', KEYS[i], ARGV[4])
    end
end


-- a write, so that a WAIT behind this call counts the replicas that have it

if have[7] then
    expire()

    return answer('created', tonumber(have[7]))
end

if append and not have[1] then
    return answer('missing')
end

if not append and (have[1] or have[4]) then
    return have[4] == ARGV[3] and answer('created', 1) or answer('taken')
end

if ARGV[2] ~= '' and ARGV[2] ~= (redis.call('get', KEYS[1]) or '0') then
    return answer('stale')
end

local bytes = tonumber(have[5] or 0) + COST + #ARGV[10]

for i = 1, 3 do
    local new = ARGV[5 + i]

    if new == '' then
        new = have[i] or ''
    end

    bytes = bytes + #new - #(have[i] or '')
    have[i] = new
end

for i = VALUES + 1, staged and 0 or #ARGV do
    bytes = bytes + #ARGV[i]
end

if staged then
    bytes = bytes + ARGV[VALUES + 1]

    if redis.call('llen', stage) ~= tonumber(ARGV[VALUES + 2]) then
        return answer('lost')
    end
end

-- those who have not spoken before, in chunks

local known = redis.call('zcard', who)
local fresh, lines, seen = {}, {}, {}


local function look_up()
    if #lines == 0 then
        return
    end

    local scores = redis.call('zmscore', who, unpack(lines))

    for i = 1, #lines do
        if not scores[i] then
            bytes = bytes + #lines[i]
            fresh[#fresh + 1] = lines[i]
        end
    end

    lines = {}
end


for line in string.gmatch(ARGV[9], '[^\n]+') do
    if not seen[line] then
        seen[line] = true
        lines[#lines + 1] = line

        if #lines == CHUNK then
            look_up()
        end
    end
end

look_up()

if bytes > tonumber(ARGV[5]) then
    return answer('large', bytes)
end

redis.call('llen', msgs)
redis.call('llen', hits)

-- Each write of the account has a score of its own, so that a list can go on
-- after the last one it had.

local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local newest = redis.call('zrange', convs, 0, 0, 'rev', 'withscores')
local score = math.max(now, newest[2] and newest[2] + 1 or 0)

-- Numbers go to Redis as texts: one that Lua passes on itself is printed with
-- the digits of a fraction, at the price of storing a key.

local format = string.format

local job = tonumber(have[6] or 0) + 1
local jobs = format('%d', job)

if staged then
    redis.call('rename', stage, msgs)
end

redis.call('hset', conv, 'meta', have[1], 'start', have[2], 'end', have[3],
           'bytes', format('%d', bytes), 'jobs', jobs, ARGV[3], jobs)

if not append then
    redis.call('hset', conv, 'first', ARGV[3])
end

for i = VALUES + 1, staged and 0 or #ARGV, CHUNK do
    redis.call('rpush', msgs, unpack(ARGV, i, math.min(i + CHUNK - 1, #ARGV)))
end

if ARGV[10] ~= '' then
    redis.call('rpush', hits, ARGV[10])
end

for i = 1, #fresh, CHUNK do
    local members = {}

    for j = i, math.min(i + CHUNK - 1, #fresh) do
        members[#members + 1] = format('%d', known + j)
        members[#members + 1] = fresh[j]
    end

    redis.call('zadd', who, unpack(members))
end

redis.call('zadd', convs, format('%d', score), string.sub(conv, -16))
redis.call('zremrangebyscore', convs, '-inf',
           format('(%d', now - ARGV[4] * 1000))

expire()

return answer('created', job)
