#!lua flags=no-writes
--
-- Reads what a conversation is, without its messages.
--
-- KEYS   the conversation, its members
--
-- Reply  {record}, JSON; {} if there is no such conversation
--

local have = redis.call('hmget', KEYS[1], 'meta', 'start', 'end')

if not have[1] then
    return {}
end

local members = redis.call('zrange', KEYS[2], 0, -1)

return {
    '{"id":"' .. string.sub(KEYS[1], -16) .. '","type":"meeting",' .. have[1]
    .. ',"startTime":' .. (have[2] or 'null')
    .. ',"endTime":' .. (have[3] or 'null')
    .. ',"members":[' .. table.concat(members, ',') .. ']}'
}
