-- Deletes a model with its versions.
-- ARGV[2..3]: tenant, model   Replies with 'ok' or 'no-model'
local refused = refusal()
if refused then return refused end
if not dropModel(ARGV[2], ARGV[3]) then return { history, revision, 'no-model' } end
logChange(ARGV[2], ARGV[3])
return done('ok')
