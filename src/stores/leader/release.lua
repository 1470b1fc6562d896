-- Gives the lead back, if it is still the caller's.
-- KEYS: leader   ARGV: id   Returns: 1 when it was given back.
if redis.call('HGET', KEYS[1], 'id') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
