-- Deletes a version that is not in traffic; with its last version a model goes too.
-- ARGV[2..4]: tenant, model, version   Replies with 'ok', 'in-use' or 'no-version'
local refused = refusal()
if refused then return refused end
local tenant, model, version = ARGV[2], ARGV[3], ARGV[4]
local key = modelKey(tenant, model)
if isInTraffic(traffic(key), version) then return { history, revision, 'in-use' } end
local v = redis.call('HGET', key, 'v' .. version)
if not v then return { history, revision, 'no-version' } end
logChange(tenant, model)
if countVersions(key) == 1 then
  dropModel(tenant, model)
else
  release(v)
  for _, kind in ipairs({ 'd', 'p', 'l', 'v', 'q', 's' }) do redis.call('HDEL', key, kind .. version) end
  redis.call('SREM', STRUCK, tenant .. '/' .. model .. '/' .. version)
  redis.call('HSET', key, 'r', revision)
end
return done('ok')
