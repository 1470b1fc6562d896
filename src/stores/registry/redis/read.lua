-- Reads tenants and models by their names.
-- ARGV: "tenant" or "tenant/model" each
-- Replies with history or '', revision, ms since 1970, and one a name: fields of a model (none: it isn't there), or
--   { "<revision> <settings>" } of a tenant
local meta = redis.call('HMGET', META, 'history', 'revision')
local time = redis.call('TIME')
local reply = { meta[1] or '', tonumber(meta[2] or 0), time[1] * 1000 + math.floor(time[2] / 1000) }
for _, name in ipairs(ARGV) do
  if string.find(name, '/', 1, true) then
    reply[#reply + 1] = redis.call('HGETALL', PREFIX .. 'm:' .. name)
  else
    reply[#reply + 1] = { tenantText(name) }
  end
end
return reply
