--
-- Reads records, at least one, and no more than fit into a stretch.
--
-- KEYS   id keys
-- ARGV   1  bytes after which the stretch ends
--
-- Reply  the records of the first of them, empty where there is none
--

local most = tonumber(ARGV[1])
local records = {}
local bytes = 0

for i = 1, #KEYS do
    local record = redis.call('get', KEYS[i]) or ''

    records[i] = record
    bytes = bytes + #record

    if bytes >= most then
        break
    end
end

return records
