-- Sets which versions of a model serve.
-- ARGV[2..4]: tenant, model, the revision that the model must have or ''
-- ARGV[5..10]: stable or '', '', canary or '', its percent, shadow or '', its percent
-- Replies with 'ok' and the model's fields, 'no-model', 'conflict' and the model's revision, 'no-version' and the role,
--   'quarantined', the role and the quarantine (a version keeps a role that it has)
local refused = refusal()
if refused then return refused end
local tenant, model, expected = ARGV[2], ARGV[3], ARGV[4]
local key = modelKey(tenant, model)
local at = redis.call('HGET', key, 'r')
if not at then return { history, revision, 'no-model' } end
if expected ~= '' and expected ~= at then return { history, revision, 'conflict', tonumber(at) } end
local now = traffic(key)
local _, canary = share(now.tc)
local _, shadow = share(now.th)
local current = { now.ts, canary, shadow }
for role, name in ipairs({ 'stable', 'canary', 'shadow' }) do
  local version = ARGV[3 + 2 * role]
  if version ~= '' then
    local found = redis.call('HMGET', key, 'd' .. version, 'q' .. version)
    if not found[1] then return { history, revision, 'no-version', name } end
    if found[2] and current[role] ~= version then return { history, revision, 'quarantined', name, found[2] } end
  end
end
redis.call('HDEL', key, 'ts', 'tc', 'th')
if ARGV[5] ~= '' then redis.call('HSET', key, 'ts', ARGV[5]) end
if ARGV[7] ~= '' then redis.call('HSET', key, 'tc', ARGV[8] .. ' ' .. ARGV[7]) end
if ARGV[9] ~= '' then redis.call('HSET', key, 'th', ARGV[10] .. ' ' .. ARGV[9]) end
redis.call('HSET', key, 'r', logChange(tenant, model))
return done('ok', redis.call('HGETALL', key))
