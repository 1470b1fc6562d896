-- Registers versions, each on its own terms.
-- ARGV[2]: JSON { values = { { id, JSON }, ... }, registrations = { { tenant, model, version, activate (0 or 1),
--   digest, prepared digest or '', `l`, spec, config, executor }, ... } }, the last three as places in values
-- Replies with one outcome each: { 'registered', revision, activated }, { 'unchanged', revision, activated },
--   { 'exists', digest, 'artifact' or 'config' }, { 'deleted' }, { 'full' }, { 'quarantined', quarantine }
local refused = refusal()
if refused then return refused end
local asked = cjson.decode(ARGV[2])

local function registerAgain(key, tenant, model, version, activate, artifact, present)
  if present[1] ~= artifact[1] then return { 'exists', present[1], 'artifact' } end
  local at, _, config = string.match(present[2], '^(%S+) (%S+) (%S+)')
  if artifact[5][1] ~= config then return { 'exists', present[1], 'config' } end
  local isStable = redis.call('HGET', key, 'ts') == version
  if isStable or activate == 0 then return { 'unchanged', tonumber(at), isStable and 1 or 0 } end
  if present[3] then return { 'quarantined', present[3] } end
  makeStable(key, version)
  redis.call('HSET', key, 'r', logChange(tenant, model))
  return { 'unchanged', revision, 1 }
end

local function register(registration)
  local tenant, model, version, activate = unpack(registration, 1, 4)
  local artifact = { unpack(registration, 5, 10) }
  for index = 4, 6 do artifact[index] = asked.values[artifact[index] + 1] end
  local key = modelKey(tenant, model)
  local present = redis.call('HMGET', key, 'd' .. version, 'v' .. version, 'q' .. version)
  if present[1] then return registerAgain(key, tenant, model, version, activate, artifact, present) end
  local deleted = isDeleted(tenant)
  if deleted then return { 'deleted' } end
  local versions = countVersions(key)
  if versions >= header.versionsPerModel then return { 'full' } end
  if deleted == nil then putTenant(tenant, '{}', logChange(tenant)) end
  logChange(tenant, model)
  putVersion(key, version, artifact, revision, 'r', revision)
  if versions == 0 then redis.call('ZADD', modelsKey(tenant), 0, model) end
  if activate == 1 then makeStable(key, version) end
  return { 'registered', revision, activate }
end

local outcomes = {}
for index, registration in ipairs(asked.registrations) do outcomes[index] = register(registration) end
keepAcquired()
dropUnused()
return done(outcomes)
