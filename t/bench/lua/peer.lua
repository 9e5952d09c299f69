--
-- The Lua peer: the same API as the module's, written as one would write it
-- for speed.  Lenient where that is cheaper: a key that comes twice in an
-- object is accepted, and a control character in a string; {} stands for [],
-- and an empty list comes back as {}.
--

local base64 = require "ngx.base64"
local cjson = require "cjson.safe"
local ffi = require "ffi"
local lrucache = require "resty.lrucache"
local new_table = require "table.new"
local redis = require "nginx.redis"

local decode, encode = cjson.decode, cjson.encode
local find, sub = string.find, string.sub
local next, pairs, type, unpack = next, pairs, type, unpack

ffi.cdef [[
    const void *EVP_sha256(void);
    unsigned char *HMAC(const void *md, const void *key, int key_len,
        const unsigned char *data, size_t len, unsigned char *out,
        unsigned int *out_len);
    int RAND_bytes(unsigned char *p, int n);
]]

local C = ffi.C
local sha256 = C.EVP_sha256()
local digest = ffi.new("unsigned char[32]")
local digest_len = ffi.new("unsigned int[1]")
local random = ffi.new("uint32_t[2]")

local LOCKED = "Too many requests: the account has reached its limit of 1 "
               .. "concurrent request."

local TTL = 40000
local POOL, IDLE = 128, 60000

-- more arguments than LuaJIT can unpack
local MAX_BULK = 1900
local TOKENS = 4096

local key, address, script, sha, one_write
local tokens = lrucache.new(TOKENS)

local peer = {}


-- one: the lock is asked for in the same write as the create, whose script looks
-- at it

function peer.configure(key_file, redis_address, script_file, one)
    local file = assert(io.open(key_file))
    key = file:read("*a"):gsub("\n$", "")
    file:close()

    file = assert(io.open(script_file))
    script = file:read("*a")
    file:close()

    sha = ngx.sha1_bin(script):gsub(".", function (c)
        return ("%02x"):format(c:byte())
    end)

    address = redis_address
    one_write = one
end


-- body: a string, or a list of them and their length

local function answer(status, body, length)
    ngx.status = status
    ngx.header.content_length = length or #body
    ngx.print(body)
end


local function fail(status, message)
    return answer(status, encode({ message = message }))
end


-- tokens; those that have verified are remembered until they expire

local function verify(value)
    if not find(value, "^[Bb][Ee][Aa][Rr][Ee][Rr] ") then
        return nil
    end

    local first = find(value, ".", 8, true)
    local second = first and find(value, ".", first + 1, true)

    if not second then
        return nil
    end

    local signed = sub(value, 8, second - 1)

    C.HMAC(sha256, key, #key, signed, #signed, digest, digest_len)

    if base64.encode_base64url(ffi.string(digest, 32))
       ~= sub(value, second + 1)
    then
        return nil
    end

    local header = base64.decode_base64url(sub(value, 8, first - 1))
    local claims = base64.decode_base64url(sub(value, first + 1, second - 1))

    header = header and decode(header)
    claims = claims and decode(claims)

    if type(header) ~= "table" or header.alg ~= "HS256" or header.crit
       or type(claims) ~= "table"
    then
        return nil
    end

    local now = ngx.time()
    local id = claims.sub

    if type(claims.exp) ~= "number" or claims.exp <= now
       or claims.nbf and claims.nbf > now + 60
       or claims.iat and claims.iat > now + 60
       or type(id) ~= "string" or #id < 1 or #id > 255
    then
        return nil
    end

    tokens:set(value, id, claims.exp - now)

    return id
end


local function account()
    local value = ngx.var.http_authorization

    return value and (tokens:get(value) or verify(value))
end


-- validation; each function returns nothing, or a message

local keys = {
    name = true, vocabulary = true, description = true, categories = true,
    languages = true
}


local function bad_list(path, key, list)
    local first = type(list) == "table" and next(list)

    if type(list) ~= "table" or first and type(first) ~= "number" then
        return ('"%s%s" must be an array'):format(path, key)
    end

    for i = 1, #list do
        if type(list[i]) ~= "string" then
            return ('"%s%s[%d]" must be a string'):format(path, key, i - 1)
        end
    end
end


local function bad_vocabulary(path, list)
    local fault = bad_list(path, "vocabulary", list)

    if fault then
        return fault
    end

    local n = #list

    if n == 0 then
        return ('"%svocabulary" is not allowed to be empty'):format(path)
    end

    local seen = new_table(0, n)

    for i = 1, n do
        local phrase = list[i]

        if phrase == "" then
            return ('"%svocabulary[%d]" is not allowed to be empty')
                   :format(path, i - 1)
        end

        if seen[phrase] then
            return ('"%svocabulary[%d]" contains a duplicate value')
                   :format(path, i - 1)
        end

        seen[phrase] = true
    end
end


local function bad_tracker(path, t)
    for name in pairs(t) do
        if not keys[name] then
            return ('"%s%s" is not allowed'):format(path, name)
        end
    end

    if t.name == nil then
        return ('"%sname" is required'):format(path)
    end

    if t.vocabulary == nil then
        return ('"%svocabulary" is required'):format(path)
    end

    if type(t.name) ~= "string" then
        return ('"%sname" must be a string'):format(path)
    end

    if t.name == "" then
        return ('"%sname" is not allowed to be empty'):format(path)
    end

    if t.description ~= nil and type(t.description) ~= "string" then
        return ('"%sdescription" must be a string'):format(path)
    end

    return t.categories ~= nil and bad_list(path, "categories", t.categories)
           or t.languages ~= nil and bad_list(path, "languages", t.languages)
           or bad_vocabulary(path, t.vocabulary)
end


local function bad_bulk(list)
    local names = new_table(0, #list)

    if #list > MAX_BULK then
        return 400, ("Request body must contain at most %d trackers, found %d.")
                    :format(MAX_BULK, #list)
    end

    for i = 1, #list do
        local t = list[i]

        if type(t) ~= "table" or type(next(t)) == "number" then
            return 400, ('"[%d]" must be an object'):format(i - 1)
        end

        if bad_tracker("", t) then
            return 400, bad_tracker("[" .. i - 1 .. "].", t)
        end
    end

    for i = 1, #list do
        local earlier = names[list[i].name]

        if earlier then
            return 409, ('"[%d].name" repeats the name of "[%d]".')
                        :format(i - 1, earlier - 1)
        end

        names[list[i].name] = i
    end
end


-- the store

local function connect()
    local red = redis:new()

    red:set_timeout(5000)

    local ok = red:connect(address)

    return ok and red
end


local function base(id)
    return "peer:{" .. ngx.md5(id) .. "}:"
end


local function random_token()
    C.RAND_bytes(ffi.cast("unsigned char *", random), 8)

    return ("%08x%08x"):format(random[0], random[1])
end


-- 52 random bits above 2^52: 16 digits

local function random_id()
    C.RAND_bytes(ffi.cast("unsigned char *", random), 8)

    return ("%.0f"):format(4503599627370496 + random[0] % 1048576 * 4294967296
                           + random[1])
end


local function create(id, list)
    local red = connect()

    if not red then
        return nil, 502, "The tracker store did not acknowledge the request."
    end

    local prefix = base(id)
    local lock, token = prefix .. "lock", random_token()
    local reply, err

    if not one_write then
        reply = red:set(lock, token, "nx", "px", TTL)

        if reply == ngx.null then
            red:set_keepalive(IDLE, POOL)
            return nil, 429, LOCKED
        end

        if not reply then
            return nil, 502,
                   "The tracker store did not acknowledge the request."
        end
    end

    local n = #list
    local names, records = prefix .. "name:", new_table(n, 0)
    local args = new_table(6 + 4 * n, 0)

    args[1], args[2] = sha, 3 + 2 * n
    args[3], args[4], args[5] = lock, prefix .. "index", prefix .. "rev"
    args[6 + 2 * n] = token

    for i = 1, n do
        local t = list[i]

        t.id = random_id()
        records[i] = encode(t)

        args[5 + i] = names .. t.name
        args[5 + n + i] = prefix .. "id:" .. t.id
        args[6 + 2 * n + i] = t.id
        args[6 + 3 * n + i] = records[i]
    end

    if one_write then
        red:init_pipeline(2)
        red:set(lock, token, "nx", "px", TTL)
        red:evalsha(unpack(args, 1, 6 + 4 * n))

        local replies = red:commit_pipeline()

        reply = replies and replies[2]

        if reply and reply[1] == false then
            reply, err = nil, reply[2]
        end

    else
        reply, err = red:evalsha(unpack(args, 1, 6 + 4 * n))
    end

    if not reply and err and find(err, "NOSCRIPT", 1, true) then
        red:script("load", script)
        reply, err = red:evalsha(unpack(args, 1, 6 + 4 * n))
    end

    if not reply then
        return nil, 502, "The tracker store did not acknowledge the request."
    end

    red:set_keepalive(IDLE, POOL)

    if reply[1] == "created" then
        return records
    end

    if reply[1] == "conflict" then
        return nil, 409, ('Tracker with name "%s" already exists.')
                         :format(list[reply[2] + 1].name)
    end

    if reply[1] == "locked" then
        return nil, 429, LOCKED
    end

    return nil, 500, "Internal server error."
end


-- strings are handed to nginx as they are: to join a megabyte of them first is
-- a fifth of all that it costs

local function answer_list(records)
    local n, parts = #records, new_table(2 * #records + 1, 0)
    local length = 2

    for i = 1, n do
        parts[2 * i] = records[i]
        parts[2 * i + 1] = ","
        length = length + #records[i] + 1
    end

    parts[1] = '{"trackers":['
    parts[2 * n + (n > 0 and 1 or 2)] = "]}"

    return answer(200, parts, length + #parts[1] - (n > 0 and 1 or 0))
end


local function post(id, takes)
    if sub(ngx.var.content_type or "", 1, 16) ~= "application/json" then
        return fail(400, "Content-Type must be application/json.")
    end

    ngx.req.read_body()

    local body = ngx.req.get_body_data()

    if not body then
        return fail(400, "Request body is required.")
    end

    local value = decode(body)

    -- cjson takes any bytes; PCRE's check of its subject is the fastest here

    if type(value) ~= "table" or not ngx.re.find(body, "^", "jou") then
        return fail(400, "Invalid JSON.")
    end

    local bulk = type(next(value)) == "number"

    if bulk and takes == "object" or not bulk and takes == "array" then
        return fail(400, "Request body must be an " .. takes .. ".")
    end

    local status, message

    if bulk then
        status, message = bad_bulk(value)

    else
        status, message = 400, bad_tracker("", value)
        value = { value }
    end

    if message then
        return fail(status, message)
    end

    local records
    records, status, message = create(id, value)

    if not records then
        return fail(status, message)
    end

    if bulk then
        return answer_list(records)
    end

    return answer(200, '{"tracker":' .. records[1] .. "}")
end


local function get(id, tracker)
    local red = connect()
    local record = red and red:get(base(id) .. "id:" .. tracker)

    if not record then
        return fail(502, "The tracker store did not acknowledge the request.")
    end

    red:set_keepalive(IDLE, POOL)

    if record == ngx.null then
        return fail(404, 'Tracker with id "' .. tracker .. '" does not exist.')
    end

    ngx.header.etag = '"' .. ngx.md5(record) .. '"'

    return answer(200, '{"tracker":' .. record .. "}")
end


local function list(id)
    local red = connect()
    local prefix = base(id)
    local ids = red and red:zrange(prefix .. "index", 0, -1)

    if not ids then
        return fail(502, "The tracker store did not acknowledge the request.")
    end

    for i = 1, #ids do
        ids[i] = prefix .. "id:" .. ids[i]
    end

    local records = {}

    if #ids > 0 then
        records = red:mget(unpack(ids))

        if not records then
            return fail(502,
                        "The tracker store did not acknowledge the request.")
        end
    end

    red:set_keepalive(IDLE, POOL)

    return answer_list(records)
end


local posts = {
    ["tracker"] = "object", ["trackers"] = "either",
    ["trackers/bulk"] = "array"
}


function peer.serve()
    local path, method = sub(ngx.var.uri, 12), ngx.req.get_method()
    local takes = posts[path]
    local tracker = not takes and path:match("^trackers?/(%d+)$")

    if not takes and not tracker then
        return fail(404, "No such endpoint.")
    end

    local id = account()

    if not id then
        ngx.header.www_authenticate = "Bearer"
        return fail(401, "Token validation failed for provided token.")
    end

    if method == "POST" and takes then
        return post(id, takes)
    end

    if method == "GET" and tracker then
        return get(id, tracker)
    end

    if method == "GET" and path ~= "trackers/bulk" then
        return list(id)
    end

    return fail(405, "Method " .. method .. " is not allowed.")
end


return peer
