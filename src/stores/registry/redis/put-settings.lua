-- Puts a model's settings.
-- ARGV[2..4]: tenant, model, minCopies   Replies with 'ok' and the model's fields, or 'no-model'
local refused = refusal()
if refused then return refused end
local key = modelKey(ARGV[2], ARGV[3])
if redis.call('EXISTS', key) == 0 then return { history, revision, 'no-model' } end
if ARGV[4] == '0' then redis.call('HDEL', key, 'c') else redis.call('HSET', key, 'c', ARGV[4]) end
redis.call('HSET', key, 'r', logChange(ARGV[2], ARGV[3]))
return done('ok', redis.call('HGETALL', key))
