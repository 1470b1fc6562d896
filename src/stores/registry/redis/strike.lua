-- A crash that a version is blamed for; the one that is one too many puts it in quarantine, where it takes no more.
-- ARGV[2..4]: tenant, model, version   ARGV[5]: the prepared digest that was at work   ARGV[6]: reason   ARGV[7]: crash
-- ARGV[8..9]: strikes that are too many, and how long they count in ms
-- Replies with 'ok', strikes, whether this one put it in quarantine, whether it is in quarantine; or 'no-version'
local refused = refusal()
if refused then return refused end
local tenant, model, version = ARGV[2], ARGV[3], ARGV[4]
local key = modelKey(tenant, model)
local found = redis.call('HMGET', key, 'd' .. version, 'p' .. version, 's' .. version, 'q' .. version)
if not found[1] or (found[2] or found[1]) ~= ARGV[5] then return { history, revision, 'no-version' } end
local now = nowMs()
local counted, isTold = {}, false
for _, strike in ipairs(found[3] and cjson.decode(found[3]) or {}) do
  if strike[1] > now - tonumber(ARGV[9]) then
    counted[#counted + 1] = strike
    isTold = isTold or strike[2] == ARGV[7]
  end
end
if found[4] then return { history, revision, 'ok', #counted, 0, 1 } end
-- Who was not answered in time tells of a crash again.
if not isTold then counted[#counted + 1] = { now, ARGV[7] } end
redis.call('HSET', key, 's' .. version, cjson.encode(counted))
redis.call('SADD', STRUCK, tenant .. '/' .. model .. '/' .. version)
if #counted < tonumber(ARGV[8]) then return { history, revision, 'ok', #counted, 0, 0 } end
redis.call('HSET', key, 'q' .. version, string.format('%.0f', now) .. ' ' .. ARGV[6], 'r', logChange(tenant, model))
return done('ok', #counted, 1, 1)
