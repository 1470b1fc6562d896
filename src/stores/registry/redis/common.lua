-- Stands before each of the registry's scripts. What is where, all below one hash tag and so in one slot:
--   meta      hash: history (absent: there is none), revision, run (of the server that the history began in), and, while
--             it is restored, next: the history that is to begin
--   changes   stream: <revision>-0 with t (tenant) and m (model; absent: the tenant itself)
--   tenants   sorted set, in order: "<tenant> <revision> <settings>", or "<tenant> <revision>" of one that was deleted
--   n:<tenant>          sorted set of its models, in order
--   m:<tenant>/<model>  hash: r revision, c minCopies (absent: 0), ts stable, tc "<percent> <canary>",
--                       th "<percent> <shadow>", and of each version
--                       d digest, p prepared digest (absent: the same), v "<revision> <spec> <config> <executor>",
--                       l "<residentBytes> <bytes> <loadMs> <runMs>",
--                       q "<ms since 1970> <reason>" of its quarantine, s its strikes [[ms since 1970, crash], ...]
--   values    hash: id -> JSON of a spec, config or executor, which stand once each; an id is of its value's sha256
--   uses      hash: id of a value -> how many versions have it
--   unused    sorted set: ids of values that no version has, by the time when the last one went
--   struck    set of "tenant/model/version" that have strikes
--   leader    hash: id, term of the manager that leads
-- No field of a model is longer than 64 bytes but that of a quarantine or of strikes, so that Redis packs its hash.
-- KEYS[1] is always meta; ARGV[1] of a change is its header, JSON: leader, term, history and revision that the
-- caller knows, nowMs (absent: Redis' clock), limits. A change replies { history, revision, ... }, or
-- { '', why not } and has changed nothing then.
local META = KEYS[1]
local PREFIX = string.sub(META, 1, -5)
local CHANGES, TENANTS = PREFIX .. 'changes', PREFIX .. 'tenants'
local VALUES, USES, UNUSED = PREFIX .. 'values', PREFIX .. 'uses', PREFIX .. 'unused'
local STRUCK = PREFIX .. 'struck'
-- Who has just read a value's id gets the value, though no version has it any more.
local UNUSED_KEPT_MS = 600000
local UNUSED_AT_ONCE = 50

local header, history, revision

local function modelKey(tenant, model) return PREFIX .. 'm:' .. tenant .. '/' .. model end
local function modelsKey(tenant) return PREFIX .. 'n:' .. tenant end

local function nowMs()
  if header.nowMs then return header.nowMs end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function isLeader()
  local leader = redis.call('HMGET', PREFIX .. 'leader', 'id', 'term')
  return leader[1] == header.leader and leader[2] == header.term
end

-- Another one after every restart and failover. '' where it may not be asked for.
local function serverRun()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
end

-- Reads the header; returns why the change can't be, or nil.
local function refusal()
  header = cjson.decode(ARGV[1])
  local meta = redis.call('HMGET', META, 'history', 'revision', 'run')
  history, revision = meta[1], tonumber(meta[2] or 0)
  if not isLeader() then return { '', 'leader' } end
  if not history then return { '', 'none' } end
  -- Revisions that followers have seen may be lost, and must not be used again.
  if meta[3] ~= serverRun() then return { '', 'restarted' } end
  if not header.history then return nil end
  if header.history ~= history then return { '', 'other' } end
  if header.revision > revision then return { '', 'behind' } end
  return nil
end

-- The same for a part of a restoration after its beginning: what was put before must be there still.
local function restoringRefusal(name)
  refusal()
  local meta = redis.call('HMGET', META, 'next', 'run')
  if not isLeader() then return { '', 'leader' } end
  if meta[1] ~= name or meta[2] ~= serverRun() then return { '', 'interrupted' } end
  return nil
end

local function logChange(tenant, model)
  revision = revision + 1
  if model then redis.call('XADD', CHANGES, revision .. '-0', 't', tenant, 'm', model)
  else redis.call('XADD', CHANGES, revision .. '-0', 't', tenant) end
  return revision
end

-- The reply of a change that was made.
local function done(...)
  redis.call('HSET', META, 'revision', revision)
  redis.call('XTRIM', CHANGES, 'MAXLEN', header.logEntries)
  return { history, revision, ... }
end

local function share(percent) return string.match(percent or '', '^(%S+) (.*)$') end

local function isInTraffic(fields, version)
  if fields.ts == version then return true end
  local _, canary = share(fields.tc)
  local _, shadow = share(fields.th)
  return canary == version or shadow == version
end

local function traffic(key)
  local found = redis.call('HMGET', key, 'ts', 'tc', 'th')
  return { ts = found[1] or nil, tc = found[2] or nil, th = found[3] or nil }
end

-- A version that is made stable plays no other part.
local function makeStable(key, version)
  local now = traffic(key)
  redis.call('HSET', key, 'ts', version)
  local _, canary = share(now.tc)
  local _, shadow = share(now.th)
  if canary == version then redis.call('HDEL', key, 'tc') end
  if shadow == version then redis.call('HDEL', key, 'th') end
end

-- How many versions a model has.
local function countVersions(key)
  local count = 0
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if string.sub(field, 1, 1) == 'v' then count = count + 1 end
  end
  return count
end

-- How many versions more have a value { id, JSON }: counted first, since those of one script share a few.
local acquired = {}
local function acquire(value) acquired[value] = (acquired[value] or 0) + 1 end

local function keepAcquired()
  for value, count in pairs(acquired) do
    if redis.call('HINCRBY', USES, value[1], count) == count then
      redis.call('HSET', VALUES, value[1], value[2])
      redis.call('ZREM', UNUSED, value[1])
    end
  end
end

-- Lets go of what a version's `v` names.
local function release(v)
  for _, id in ipairs({ string.match(v, '^%S+ (%S+) (%S+) (%S+)$') }) do
    if redis.call('HINCRBY', USES, id, -1) == 0 then redis.call('ZADD', UNUSED, nowMs(), id) end
  end
end

local function dropUnused()
  local before = nowMs() - UNUSED_KEPT_MS
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', UNUSED, '-inf', before, 'LIMIT', 0, UNUSED_AT_ONCE)) do
    redis.call('HDEL', USES, id)
    redis.call('HDEL', VALUES, id)
    redis.call('ZREM', UNUSED, id)
  end
end

-- An artifact: digest, prepared digest or '', `l`, spec, config, executor. More: other fields of the model and their
-- values. keepAcquired must follow.
local function putVersion(key, version, artifact, atRevision, ...)
  local v = { atRevision }
  for index = 4, 6 do
    acquire(artifact[index])
    v[#v + 1] = artifact[index][1]
  end
  redis.call('HSET', key, 'd' .. version, artifact[1], 'l' .. version, artifact[3],
    'v' .. version, table.concat(v, ' '), ...)
  if artifact[2] ~= '' then redis.call('HSET', key, 'p' .. version, artifact[2]) end
end

-- Every trace of a model but its changes; whether it was there.
local function dropModel(tenant, model)
  local key = modelKey(tenant, model)
  local fields = redis.call('HGETALL', key)
  for index = 1, #fields, 2 do
    local kind, version = string.sub(fields[index], 1, 1), string.sub(fields[index], 2)
    if kind == 'v' then release(fields[index + 1]) end
    if kind == 's' then redis.call('SREM', STRUCK, tenant .. '/' .. model .. '/' .. version) end
  end
  redis.call('DEL', key)
  redis.call('ZREM', modelsKey(tenant), model)
  return #fields > 0
end

-- Where tenants after this one ('': all) begin in their set: "!" comes next to the space, and both before all that names
-- are made of.
local function afterTenant(tenant) return tenant == '' and '-' or '(' .. tenant .. '!' end

-- "<revision> <settings>", "<revision>" (deleted) or nil (unknown)
local function tenantText(tenant)
  local found = redis.call('ZRANGEBYLEX', TENANTS, '[' .. tenant .. ' ', afterTenant(tenant), 'LIMIT', 0, 1)[1]
  return found and string.sub(found, #tenant + 2)
end

local function putTenantText(tenant, text)
  local before = tenantText(tenant)
  if before then redis.call('ZREM', TENANTS, tenant .. ' ' .. before) end
  redis.call('ZADD', TENANTS, 0, tenant .. ' ' .. text)
end

local function putTenant(tenant, settings, atRevision) putTenantText(tenant, atRevision .. ' ' .. settings) end
local function putDeleted(tenant, atRevision) putTenantText(tenant, tostring(atRevision)) end

-- Deleted: true, there: false, unknown: nil.
local function isDeleted(tenant)
  local found = tenantText(tenant)
  if not found then return nil end
  return not string.find(found, ' ', 1, true)
end
