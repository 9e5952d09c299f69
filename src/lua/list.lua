--
-- Reads a stretch of an account's trackers in the order of their creation.
--
-- KEYS   rev, index, the id keys' common beginning
-- ARGV   1  begin behind this score, "0" at the beginning
--        2  most trackers to read
--        3  bytes of records after which to stop
--
-- Reply  {rev, n, score, more, records}: n records joined by commas, the
--        score of the last, more 1 when others follow
--

local CHUNK = 20

local limit = tonumber(ARGV[2])
local found = redis.call('zrangebyscore', KEYS[2], '(' .. ARGV[1], '+inf',
                         'withscores', 'limit', 0, limit + 1)
local total = #found / 2
local last = math.min(total, limit)

local records = {}
local bytes = 0
local i = 0

while i < last and bytes < tonumber(ARGV[3]) do
    local keys = {}

    for j = i + 1, math.min(i + CHUNK, last) do
        keys[#keys + 1] = KEYS[3] .. found[2 * j - 1]
    end

    i = i + #keys

    for _, record in ipairs(redis.call('mget', unpack(keys))) do
        if record and record ~= '' then
            records[#records + 1] = record
            bytes = bytes + #record
        end
    end
end

return {
    redis.call('get', KEYS[1]) or '0',
    #records,
    i > 0 and found[2 * i] or ARGV[1],
    i < total and 1 or 0,
    table.concat(records, ',')
}
