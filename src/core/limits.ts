/** Every bound in the house, by name. Each is a setting (`--limit name=value`); these are the defaults. */
export const DEFAULT_LIMITS = {
  /** JSON bodies, after inflation. */
  bodyBytes: 16 * 1024 * 1024,
  artifactBytes: 512 * 1024 * 1024,
  bulkLineBytes: 64 * 1024 * 1024,
  /** Tensors made of one request, for all of its models; defaults and names can make them larger than its body. */
  inputBytes: 16 * 1024 * 1024,
  /** The text of one prediction's answer; outputs that every row repeats can make it larger than the tensors. */
  answerBytes: 64 * 1024 * 1024,
  instances: 4_096,
  /** Models asked for by one `POST /v1/tenants/{t}:predict`. */
  modelsPerRequest: 64,
  jsonDepth: 32,
  headerBytes: 16 * 1024,
  versionsPerModel: 100,
  /** Changes the registry remembers; a router that is further behind loads a snapshot. */
  changeLogEntries: 100_000,
  /** Calls waiting for the registry's thread; so many for that of the plans, too. */
  registryQueueCalls: 10_000,
  /**
   * Waiting at one worker, counted both in the router that sends and in the worker that holds. A tenant may have as
   * many of them as are free, so that none fills the queue for the others.
   */
  workerQueueRequests: 4_096,
  workerQueueBytes: 64 * 1024 * 1024,
  /** A router asks a worker whether it lives when nothing was heard from it for so long while requests are under way. */
  workerPingMs: 150,
  /** The same while none is. */
  workerIdlePingMs: 1_000,
  /** How long a ping may go unanswered before requests, also those under way, go to others of the shard. */
  workerFrozenMs: 450,
  /** How long a ping may go unanswered before the router drops the connection and tries a new one. */
  workerSilenceMs: 10_000,
  /** How long the making of a connection to a worker may take. */
  workerConnectMs: 2_000,
  /** Calls in a row that fail by a worker's own fault before routers pass it over. */
  workerFailures: 5,
  /** For how long they do so at first, and at most when that happens again and again. */
  workerEjectMs: 1_000,
  workerEjectMaxMs: 60_000,
  /** The share of the workers that may be passed over at once; of two or more, one always may. */
  ejectedPercent: 50,
  /** Workers that a hot model may be on, within its tenant's shard. */
  maxCopies: 4,
  /** Models whose load a router measures at once. */
  hotModels: 1_024,
  /** A model whose requests wait so long on average gets another copy. */
  hotQueueMs: 50,
  /** So does one that a router gets so many requests a second for, by each copy that it has. */
  hotRequestsPerSecond: 1_000,
  /** How often that is decided. */
  hotDecideMs: 1_000,
  /** How long a hot model must have been calm before it loses a copy. */
  hotCoolMs: 30_000,
  /** How long a request waits for a worker of its shard to come back when no other can take it. */
  workerAwayMs: 3_000,
  /** How long a router waits for word of what a worker was at when it died; without it, all that it had counts as that. */
  autopsyMs: 250,
  /** Models known to hold a lane, and models of requests given up unanswered, of one worker. */
  heldModels: 1_024,
  /** Frames that a router gathers into one write to a worker. */
  framesPerWrite: 4_096,
  /** The largest plan; a model whose plan is larger stays with ONNX Runtime. */
  planBytes: 16 * 1024 * 1024,
  /** A run of a plan that should take no longer (microseconds) needs no lane: the worker's main thread does it. */
  planRunUs: 200,
  /** Runs that a worker gathers into one message to a lane. */
  runsPerMessage: 64,
  /** How long one message may keep a lane before other models' runs are sent to the next worker of their shard. */
  laneOverrunMs: 500,
  /** How long one message may keep a lane before its worker ends and starts anew: nothing else ends a run. */
  laneHangMs: 30_000,
  /** Cold loads under way at once in one worker; what else is cold waits in line. */
  workerLoads: 32,
  /** The same for models that take long to load; each holds its memory while it waits for a lane. */
  workerHeavyLoads: 4,
  /** Models under way from the object store to one worker at once; what else isn't on its disk waits in line. */
  workerFetches: 32,
  /** The same for models that take long to load, which are large. */
  workerHeavyFetches: 4,
  /** What was fetched and the disk cache did not keep is held in memory: as much of plans, and of artifacts. */
  workerUnkeptBytes: 32 * 1024 * 1024,
  /** What a worker's process may take beside the budget for models: itself, runs, loads, what the allocator holds. */
  workerOverheadBytes: 512 * 1024 * 1024,
  /** What runs may take beyond that while the machine has it; a worker that takes more ends and starts anew. */
  workerOverrunBytes: 2 * 1024 * 1024 * 1024,
  /** With less than this left on the machine, a worker beyond budget and overhead ends at once. */
  machineReserveBytes: 256 * 1024 * 1024,
  /** How long a cold load may wait for memory that leased models hold. */
  memoryWaitMs: 2_000,
  /** The share of a worker's budget that pinned models may take. */
  pinnedPercent: 50,
  /** Evicted versions whose story a worker remembers. */
  historyVersions: 10_000,
  /** Versions that a worker remembers to have run well. */
  provenVersions: 20_000,
  /** So many crashes within so long put a version in quarantine. */
  strikes: 3,
  strikeMs: 24 * 3_600_000,
  /** How long the process that saw a crash waits for the leading manager's answer to it, and for how long it tries to tell. */
  strikeCallMs: 10_000,
  strikeTellMs: 120_000,
  /** Crashes with several models at work whose culprit isn't found yet; the models of older ones are no suspects any more. */
  crashesRemembered: 64,
  /** The longest and the default deadline of a prediction. */
  deadlineMs: 60_000,
  defaultDeadlineMs: 5_000,
  /** How long a client may take to send a whole body (an artifact or bulk stream: between two chunks). */
  bodyTimeoutMs: 30_000,
  /** Bulk lines under way at once; bounds memory whatever the stream's length. */
  bulkInFlight: 64,
  bulkInFlightBytes: 256 * 1024 * 1024,
  /** Configs that one bulk stream may define for its later lines. */
  bulkConfigs: 1_000,
  /** One admission test, and what its process may grow by. */
  admissionMs: 30_000,
  admissionBytes: 2 * 1024 * 1024 * 1024,
  /** Admission tests waiting for a process. */
  admissionQueue: 1_024,
  /** Artifacts whose admission is remembered, so that copies of one aren't tried again. */
  admissionsRemembered: 10_000,
  /** Artifacts that an admission process has in hand, the one under test included. */
  admissionAheadBytes: 4 * 1024 * 1024,
  /** How long a worker keeps a model with minCopies once it was told to; it is told three times in that time. */
  pinMs: 30_000,
  /** Models with minCopies that a router keeps loaded. */
  pinnedModels: 1_000,
  /** Loads ahead of the first request under way at once, of one router. */
  prefetchLoads: 16,
  /** Warming a version on the copies of the one that it replaces. */
  warmMs: 10_000,
  /** How long the answer to a change waits until the router beside the manager knows the change. */
  publishMs: 1_000,
  /** How long a request that was passed on to the leading manager may wait for the next bytes of its answer. */
  forwardMs: 120_000,
  /** How long connecting to the leading manager may take. */
  forwardConnectMs: 2_000,
  /** How long it may yet take to begin its answer once it leads no more. */
  forwardLostMs: 1_000,
  /** Connections of one process to the leading manager, and requests that use them or wait for one. */
  forwardConnections: 64,
  forwardRequests: 1_024,
  /** How long a process that is told to stop goes on serving after it has said so; `shoal up` on embedded stores, which has nobody to tell, doesn't. */
  leaveMs: 3_000,
  /** A worker that wasn't announced for so long is out. */
  memberLeaseMs: 6_000,
  /** How long a worker may take to tell its load to the process that announces it; until it does it isn't announced. */
  memberStateMs: 1_000,
  /** How often a router asks who the members are. */
  memberPollMs: 500,
  /** A manager that hasn't renewed its lead for so long has lost it. */
  leaderLeaseMs: 5_000,
  /** How long a call to Redis may take before it fails and the connection with it: Redis is frozen or cut off. */
  redisCallMs: 2_000,
  redisConnectMs: 2_000,
  /** The longest pause between two tries to connect. */
  redisRetryMs: 1_000,
  /** Calls under way at one connection to Redis. */
  redisCalls: 10_000,
  /** How long a follower's read waits inside Redis for news before it asks again. */
  redisBlockMs: 5_000,
  /** How long connecting to the object store may take. */
  s3ConnectMs: 2_000,
  /** How long the object store may be silent, neither taking nor giving a byte, before a try of a call fails. */
  s3SilenceMs: 3_000,
  /** One call to the object store with all its tries; one that carries bytes may take longer, by `s3BytesPerSecond`. */
  s3CallMs: 10_000,
  s3BytesPerSecond: 256 * 1024,
  /** Tries of one call. */
  s3Tries: 3,
  /** Calls to the object store under way at once, of one process. */
  s3Calls: 64,
  /** Calls that wait for one of those to end; what is beyond them fails at once. */
  s3QueueCalls: 10_000,
  /** What is larger goes up and comes down in parts of this size; not under 5 MiB, S3's own minimum. */
  s3PartBytes: 8 * 1024 * 1024,
  /** Parts of one upload under way at once. */
  s3UploadParts: 4,
  /** Where a received artifact waits for its admission: in memory up to this size, else in a temporary file. */
  s3SpoolBytes: 1024 * 1024,
  /** How often the leading manager asks the registry whether it has lost anything. */
  registryAskMs: 1_000,
  /** Calls for records of the registry to the object store under way at once, of one process. */
  recordCalls: 48,
  /** Records that wait to be written, or can't be; changes beyond them are refused. */
  recordsOwed: 10_000,
  /** How often a record that could not be written is tried again. */
  recordRetryMs: 1_000,
  /** How often, and after how many records at the latest, those that newer ones took the place of are deleted. */
  recordTidyMs: 3_600_000,
  recordTidyWrites: 100_000,
  /** How long a stopping process lets work under way finish. */
  drainMs: 30_000,
} as const satisfies Record<string, number>;

export type Limits = { readonly [K in keyof typeof DEFAULT_LIMITS]: number };
