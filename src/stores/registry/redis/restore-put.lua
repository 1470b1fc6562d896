-- Puts whole tenants and models as they are, in the place of what has their names. Between restore-begin and restore-end.
-- ARGV[2]: the name of the history that is to begin
-- ARGV[3]: JSON { values, tenants = { { tenant, revision, settings or '' (deleted) }, ... }, models = { { tenant, model,
--   revision, { field, value, ... } (all but those of versions), { { version, revision, quarantine or '',
--   artifact as of register.lua }, ... } (none: deleted) }, ... } }
-- Replies with 'ok', or 'more' (call again: a deleted tenant has models left, and Redis isn't to be held up for long)
local refused = restoringRefusal(ARGV[2])
if refused then return refused end
local asked = cjson.decode(ARGV[3])
local DROPPED_AT_ONCE, dropped = 500, 0
for _, record in ipairs(asked.tenants) do
  local tenant, at, settings = unpack(record)
  revision = math.max(revision, at)
  if settings ~= '' then
    putTenant(tenant, settings, at)
  else
    putDeleted(tenant, at)
    for _, model in ipairs(redis.call('ZRANGE', modelsKey(tenant), 0, -1)) do
      if tonumber(redis.call('HGET', modelKey(tenant, model), 'r')) < at then
        dropModel(tenant, model)
        dropped = dropped + 1
        if dropped == DROPPED_AT_ONCE then return { 'more' } end
      end
    end
  end
end
for _, record in ipairs(asked.models) do
  local tenant, model, at, fields, versions = unpack(record)
  revision = math.max(revision, at)
  dropModel(tenant, model)
  local owner = tenantText(tenant)
  local isGone = owner and not string.find(owner, ' ', 1, true) and tonumber(owner) > at
  if #versions > 0 and not isGone then
    if not owner then putTenant(tenant, '{}', at) end
    local key = modelKey(tenant, model)
    redis.call('HSET', key, 'r', at, unpack(fields))
    redis.call('ZADD', modelsKey(tenant), 0, model)
    for _, version in ipairs(versions) do
      local artifact = { unpack(version, 4, 9) }
      for index = 4, 6 do artifact[index] = asked.values[artifact[index] + 1] end
      putVersion(key, version[1], artifact, version[2])
      if version[3] ~= '' then redis.call('HSET', key, 'q' .. version[1], version[3]) end
    end
  end
end
keepAcquired()
dropUnused()
redis.call('HSET', META, 'revision', revision)
return { 'ok' }
