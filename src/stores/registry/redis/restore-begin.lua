-- Ends the history, if there is one. Who follows it is woken by an entry in the log, and finds that it is over.
-- Needs the lead, and no more: a registry that went back is healed by this.
-- ARGV[2]: the name of the history that is to begin   Replies with 'ok'
refusal()
if not isLeader() then return { '', 'leader' } end
if history then
  redis.call('HDEL', META, 'history')
  logChange('')
end
redis.call('HSET', META, 'revision', revision, 'next', ARGV[2], 'run', serverRun())
return { 'ok' }
