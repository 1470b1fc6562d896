-- Replies with 1 when the history began in this run of the server, else 0: then it may lack changes that followers saw.
return redis.call('HGET', META, 'run') == serverRun() and 1 or 0
