-- Puts a tenant's settings; one that was deleted is there again, without models.
-- ARGV[2..3]: tenant, settings (JSON)
local refused = refusal()
if refused then return refused end
putTenant(ARGV[2], ARGV[3], logChange(ARGV[2]))
return done('ok')
