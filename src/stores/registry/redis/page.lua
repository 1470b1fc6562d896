-- Reads models in order of tenant and model.
-- ARGV: the tenant and model after which to go on, how many
-- Replies with history or '', revision, the tenant and model after which to go on next ('' when there are no more), and
--   tenant, model, fields of each
local TENANTS_AT_ONCE = 200
local tenant, model, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local meta = redis.call('HMGET', META, 'history', 'revision')
local reply = { meta[1] or '', tonumber(meta[2] or 0), '', '' }
local count = 0

-- The rest of the current tenant, as much as fits.
local function take()
  local from = model == '' and '-' or '(' .. model
  for _, name in ipairs(redis.call('ZRANGEBYLEX', modelsKey(tenant), from, '+', 'LIMIT', 0, limit - count)) do
    reply[#reply + 1] = tenant
    reply[#reply + 1] = name
    reply[#reply + 1] = redis.call('HGETALL', modelKey(tenant, name))
    model = name
    count = count + 1
  end
end

if tenant ~= '' then take() end
if count < limit then
  local from = tenant == '' and '-' or '(' .. tenant
  local tenants = redis.call('ZRANGEBYLEX', NAMES, from, '+', 'LIMIT', 0, TENANTS_AT_ONCE)
  for _, name in ipairs(tenants) do
    tenant, model = name, ''
    take()
    if count == limit then break end
  end
  if count < limit and #tenants < TENANTS_AT_ONCE then return reply end
end
reply[3], reply[4] = tenant, model
return reply
