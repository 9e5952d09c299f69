#!lua
--
-- Decides whether a large create may write, as the first of a transaction:
-- this, MSETNX of the names and the records, bulk_end.lua.  The records do not
-- go through Lua.
--
-- KEYS   lock, index, rev, stop; if ARGV[3] is not empty, the idempotency key
--        and the index of these keys; where changes are kept, log and times
-- ARGV   1  to 4: as of create.lua
--        5  number of trackers
--
-- Reply  {"begun"}    MSETNX may write
--        {"refused"}  the key "stop" is there, so that MSETNX, which names it
--                     too, writes nothing.  create.lua says why, and whether
--                     it is so: nothing is checked here that MSETNX does not
--                     do.
--
-- The key is set before anything is looked at: an error leaves it there, and
-- MSETNX writes nothing.  It is set by MSETNX, since a user who may not do this
-- may not write either.  What could fail in bulk_end.lua must fail here; and a
-- user who may not do MULTI, for whom this is no transaction.
-- The first line: after a script without it Valkey 9 does not know any more to
-- which slot the transaction belongs; where the slot is being migrated as a
-- whole, its new node would not get what MSETNX writes.  With the line Redis
-- refuses a script that must not write: in a transaction it makes no
-- difference, since MSETNX is refused in the same cases, and EXEC with it.
-- create.lua, which is sent alone, has no such line for that reason.
--

local token, digest = ARGV[1], ARGV[3]

-- what was left there might say that MSETNX has written

if redis.call('msetnx', KEYS[4], 'no') == 0 then
    redis.call('del', KEYS[4])
    redis.call('msetnx', KEYS[4], 'no')
end

local holder = token ~= '' and redis.call('get', KEYS[1])

if holder and holder ~= token then
    return {'refused'}
end

local have = redis.call('zcard', KEYS[2])
local quota = tonumber(ARGV[2])

if quota > 0 and have + ARGV[5] > quota then
    return {'refused'}
end

local rev = redis.call('get', KEYS[3])

if rev and rev ~= '0'
   and (#rev > 16 or not string.find(rev, '^[1-9]%d*$'))
then
    return redis.error_reply('ERR the revision is not an integer')
end

local commands = { {'multi'}, {'exec'}, {'incrby', KEYS[3], 1},
                   {'zadd', KEYS[2], 1, 1} }

if digest ~= '' then
    if redis.call('exists', KEYS[5]) == 1 then
        return {'refused'}
    end

    redis.call('zcard', KEYS[6])

    commands[#commands + 1] = {'hset', KEYS[5], 1, 1}
    commands[#commands + 1] = {'expire', KEYS[5], 1}
    commands[#commands + 1] = {'zrange', KEYS[6], 0, 1, 'withscores'}
    commands[#commands + 1] = {'zrem', KEYS[6], 1}
    commands[#commands + 1] = {'time'}
end

local log = #KEYS > (digest ~= '' and 6 or 4) and #KEYS - 1

if log then
    redis.call('zcard', KEYS[log])
    redis.call('hmget', KEYS[log + 1], '-')

    commands[#commands + 1] = {'zrange', KEYS[log], -1, -1, 'withscores'}
    commands[#commands + 1] = {'del', KEYS[log]}
    commands[#commands + 1] = {'zadd', KEYS[log], 1, 1}
    commands[#commands + 1] = {'zremrangebyrank', KEYS[log], 0, 1}
    commands[#commands + 1] = {'hset', KEYS[log + 1], 1, 1}
    commands[#commands + 1] = {'time'}
end

for i = 1, #commands do
    if not redis.acl_check_cmd(unpack(commands[i])) then
        return redis.error_reply('NOPERM this user has no permissions to run '
                                 .. 'the command ' .. commands[i][1])
    end
end

redis.call('del', KEYS[4])

return {'begun'}
