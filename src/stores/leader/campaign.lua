-- Takes the lead when it is free, renews it for who has it, and tells who has it.
-- KEYS: leader (hash: id, address, term; expires with the lease), term (counter), fleet (stream of what others should
-- hear at once)
-- ARGV: id, address, lease in ms
-- Returns: id, address, term of who leads now, and ms until its lease ends.
local holder = redis.call('HGET', KEYS[1], 'id')
if not holder then
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'address', ARGV[2], 'term', redis.call('INCR', KEYS[2]))
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'leader', ARGV[1])
  holder = ARGV[1]
end
if holder == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
local leader = redis.call('HMGET', KEYS[1], 'id', 'address', 'term')
return { leader[1], leader[2], tonumber(leader[3]), redis.call('PTTL', KEYS[1]) }
