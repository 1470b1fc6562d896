-- Makes a worker a member, or renews that it is one.
-- KEYS: members (hash: id -> JSON {member, atMs} or {left, atMs}), fleet (stream of what readers should hear at once)
-- ARGV: id, the member as JSON, its address, lease in ms
-- Returns: nothing, or the address of the other worker that has this id now.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = tonumber(ARGV[4])
local known = redis.call('HGET', KEYS[1], ARGV[1])
local before = known and cjson.decode(known)
local live = before and before.member and now - before.atMs <= lease
if live and before.member.address ~= ARGV[3] then return before.member.address end
redis.call('HSET', KEYS[1], ARGV[1], '{"atMs":' .. string.format('%.0f', now) .. ',"member":' .. ARGV[2] .. '}')
if not live then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'changed', ARGV[1])
  -- Those who have been gone for long: nobody needs to hear of them any more.
  local all = redis.call('HGETALL', KEYS[1])
  for index = 1, #all, 2 do
    if now - cjson.decode(all[index + 1]).atMs > 10 * lease then redis.call('HDEL', KEYS[1], all[index]) end
  end
end
return false
