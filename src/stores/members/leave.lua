-- A worker says that it leaves; kept for a while, so that routers can tell it from one that is only missing.
-- KEYS: members, fleet (as in announce.lua)
-- ARGV: id, its address: another worker that has taken over the id stays
-- Returns: nothing.
local known = redis.call('HGET', KEYS[1], ARGV[1])
local before = known and cjson.decode(known)
if before and before.member and before.member.address ~= ARGV[2] then return false end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], '{"atMs":' .. string.format('%.0f', now) .. ',"left":true}')
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'changed', ARGV[1])
return false
