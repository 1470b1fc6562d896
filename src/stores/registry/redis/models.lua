-- Lists models of a tenant in order.
-- ARGV: tenant, the model after which to begin or '', how many
-- Replies with history or '', revision, and of each its name, how many versions it has, and its stable one or ''
local meta = redis.call('HMGET', META, 'history', 'revision')
local reply = { meta[1] or '', tonumber(meta[2] or 0) }
local from = ARGV[2] == '' and '-' or '(' .. ARGV[2]
for _, model in ipairs(redis.call('ZRANGEBYLEX', modelsKey(ARGV[1]), from, '+', 'LIMIT', 0, tonumber(ARGV[3]))) do
  local key = modelKey(ARGV[1], model)
  reply[#reply + 1] = model
  reply[#reply + 1] = countVersions(key)
  reply[#reply + 1] = redis.call('HGET', key, 'ts') or ''
end
return reply
