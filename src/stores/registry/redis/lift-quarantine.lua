-- Ends a version's quarantine and forgets its strikes.
-- ARGV[2..4]: tenant, model, version   Replies with 'ok' and the model's fields, or 'no-version'
local refused = refusal()
if refused then return refused end
local tenant, model, version = ARGV[2], ARGV[3], ARGV[4]
local key = modelKey(tenant, model)
if redis.call('HEXISTS', key, 'd' .. version) == 0 then return { history, revision, 'no-version' } end
redis.call('HDEL', key, 's' .. version)
redis.call('SREM', STRUCK, tenant .. '/' .. model .. '/' .. version)
if redis.call('HDEL', key, 'q' .. version) == 1 then redis.call('HSET', key, 'r', logChange(tenant, model)) end
return done('ok', redis.call('HGETALL', key))
