-- Reads tenants in order, deleted ones too.
-- ARGV: the tenant after which to begin or '', how many
-- Replies with history or '', revision, and "<tenant> <revision> <settings>" or "<tenant> <revision>" of each
local meta = redis.call('HMGET', META, 'history', 'revision')
local reply = { meta[1] or '', tonumber(meta[2] or 0) }
for _, text in ipairs(redis.call('ZRANGEBYLEX', TENANTS, afterTenant(ARGV[1]), '+', 'LIMIT', 0, tonumber(ARGV[2]))) do
  reply[#reply + 1] = text
end
return reply
