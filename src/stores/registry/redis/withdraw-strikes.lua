-- Takes back the strikes that versions other than the culprit, unless in quarantine, have for this crash and for all that
-- the culprit has a strike for.
-- ARGV[2..4]: tenant, model, version of the culprit   ARGV[5]: crash   Replies with 'ok' and how many
local refused = refusal()
if refused then return refused end
local culprit = ARGV[2] .. '/' .. ARGV[3] .. '/' .. ARGV[4]
local explained = { [ARGV[5]] = true }
local own = redis.call('HGET', modelKey(ARGV[2], ARGV[3]), 's' .. ARGV[4])
for _, strike in ipairs(own and cjson.decode(own) or {}) do explained[strike[2]] = true end
local withdrawn = 0
for _, name in ipairs(redis.call('SMEMBERS', STRUCK)) do
  local tenant, model, version = string.match(name, '^([^/]+)/([^/]+)/(.+)$')
  local key = modelKey(tenant, model)
  local found = redis.call('HMGET', key, 's' .. version, 'q' .. version)
  if name ~= culprit and not found[2] then
    local before, left = cjson.decode(found[1]), {}
    for _, strike in ipairs(before) do
      if not explained[strike[2]] then left[#left + 1] = strike end
    end
    withdrawn = withdrawn + #before - #left
    if #left == 0 then
      redis.call('HDEL', key, 's' .. version)
      redis.call('SREM', STRUCK, name)
    elseif #left < #before then redis.call('HSET', key, 's' .. version, cjson.encode(left)) end
  end
end
return { history, revision, 'ok', withdrawn }
