-- Everybody who was announced or has left, and how long ago.
-- KEYS: members (as in announce.lua)
-- Returns: the time in ms, then id, JSON, id, JSON, ...
local time = redis.call('TIME')
local found = redis.call('HGETALL', KEYS[1])
table.insert(found, 1, string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
return found
