-- Deletes a tenant with its models, so many of them at once that Redis isn't held up for long; each gets its own entry
-- in the log, so that a follower who missed the name's return drops them too.
-- ARGV[2..3]: tenant, models at once   Replies with 'ok', 'more' (call again: models are left) or 'no-tenant'
local refused = refusal()
if refused then return refused end
local tenant, atOnce = ARGV[2], tonumber(ARGV[3])
if isDeleted(tenant) ~= false then return { history, revision, 'no-tenant' } end
local models = redis.call('ZRANGE', modelsKey(tenant), 0, atOnce - 1)
for _, model in ipairs(models) do
  dropModel(tenant, model)
  logChange(tenant, model)
end
if redis.call('EXISTS', modelsKey(tenant)) == 1 then return done('more') end
putDeleted(tenant, logChange(tenant))
return done('ok')
