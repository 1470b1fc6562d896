-- Reads models in order of tenant and model.
-- ARGV: the tenant and model after which to go on, how many (one with many versions counts as several)
-- Replies with history or '', revision, the tenant and model after which to go on next ('' when there are no more), and
--   JSON: tenant, model, fields of each. One string, since the client takes much longer for many.
local TENANTS_AT_ONCE = 250
local FIELDS_AT_ONCE = 20
local tenant, model, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local meta = redis.call('HMGET', META, 'history', 'revision')
local found, count = {}, 0

-- The rest of the current tenant, as much as fits.
local function take()
  local from = model == '' and '-' or '(' .. model
  for _, name in ipairs(redis.call('ZRANGEBYLEX', modelsKey(tenant), from, '+', 'LIMIT', 0, limit - count)) do
    local fields = redis.call('HGETALL', modelKey(tenant, name))
    found[#found + 1] = tenant
    found[#found + 1] = name
    found[#found + 1] = fields
    model = name
    count = count + math.ceil(#fields / 2 / FIELDS_AT_ONCE)
    if count >= limit then return end
  end
end

local function reply(nextTenant, nextModel)
  local json = #found == 0 and '[]' or cjson.encode(found)
  return { meta[1] or '', tonumber(meta[2] or 0), nextTenant, nextModel, json }
end

if tenant ~= '' then take() end
if count >= limit then return reply(tenant, model) end
local tenants = redis.call('ZRANGEBYLEX', TENANTS, afterTenant(tenant), '+', 'LIMIT', 0, TENANTS_AT_ONCE)
for _, text in ipairs(tenants) do
  tenant, model = string.match(text, '^(%S+)'), ''
  take()
  if count >= limit then return reply(tenant, model) end
end
if #tenants < TENANTS_AT_ONCE then return reply('', '') end
return reply(tenant, model)
