-- Reads tenants in order, deleted ones too.
-- ARGV: the tenant after which to begin or '', how many   Replies with history or '', revision, and of each its name and
--   "<revision> <settings>" or "<revision>"
local meta = redis.call('HMGET', META, 'history', 'revision')
local reply = { meta[1] or '', tonumber(meta[2] or 0) }
local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
for _, tenant in ipairs(redis.call('ZRANGEBYLEX', NAMES, from, '+', 'LIMIT', 0, tonumber(ARGV[2]))) do
  reply[#reply + 1] = tenant
  reply[#reply + 1] = redis.call('HGET', TENANTS, tenant)
end
return reply
