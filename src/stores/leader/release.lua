-- Gives the lead back, if it is still the caller's.
-- KEYS: leader, fleet (stream of what others should hear at once)   ARGV: id   Returns: 1 when it was given back.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'leader', '')
return 1
