-- Takes back the strikes that versions other than the culprit, unless in quarantine, have for this crash and for all that
-- the culprit has a strike for.
-- Those that are too old to count go too, so that nobody is looked at for ever.
-- ARGV[2..4]: tenant, model, version of the culprit   ARGV[5]: crash   ARGV[6]: how long strikes count in ms
-- Replies with 'ok' and how many
local refused = refusal()
if refused then return refused end
local culprit = ARGV[2] .. '/' .. ARGV[3] .. '/' .. ARGV[4]
local explained = { [ARGV[5]] = true }
local own = redis.call('HGET', modelKey(ARGV[2], ARGV[3]), 's' .. ARGV[4])
for _, strike in ipairs(own and cjson.decode(own) or {}) do explained[strike[2]] = true end
local since = nowMs() - tonumber(ARGV[6])
local withdrawn = 0
for _, name in ipairs(redis.call('SMEMBERS', STRUCK)) do
  local tenant, model, version = string.match(name, '^([^/]+)/([^/]+)/(.+)$')
  local key = modelKey(tenant, model)
  local found = redis.call('HMGET', key, 's' .. version, 'q' .. version)
  if name ~= culprit and not found[2] then
    local before, left = cjson.decode(found[1]), {}
    for _, strike in ipairs(before) do
      if explained[strike[2]] then withdrawn = withdrawn + 1
      elseif strike[1] > since then left[#left + 1] = strike end
    end
    if #left == 0 then
      redis.call('HDEL', key, 's' .. version)
      redis.call('SREM', STRUCK, name)
    elseif #left < #before then redis.call('HSET', key, 's' .. version, cjson.encode(left)) end
  end
end
return { history, revision, 'ok', withdrawn }
