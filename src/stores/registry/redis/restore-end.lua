-- Begins a history, with a revision above all that Redis and the caller know; 0 when nobody knows of any.
-- ARGV[2]: its name   Replies with 'ok'
local refused = restoringRefusal(ARGV[2])
if refused then return refused end
local known = math.max(revision, header.revision or 0)
history = ARGV[2]
revision = known == 0 and 0 or known + 1
redis.call('DEL', CHANGES)
if revision > 0 then redis.call('XADD', CHANGES, revision .. '-0', 't', '') end
redis.call('HDEL', META, 'next')
redis.call('HSET', META, 'history', history, 'revision', revision)
return { history, revision, 'ok' }
