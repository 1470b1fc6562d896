/** The live workers. Routers and the manager read it; whoever starts or watches workers writes it. */
export interface Member {
  readonly id: string;
  /** `http://host:port` */
  readonly address: string;
  readonly zone: string;
  /** Relative share of the models; 1 by default. */
  readonly weight: number;
}

export interface Members {
  list(): readonly Member[];
  /** Calls back after every change, with the new list; returns the way to stop. */
  watch(onChange: (members: readonly Member[]) => void): () => void;
  /** Calls back when a worker's process has died, once a death; returns the way to stop. */
  watchDeaths(onDeath: (death: WorkerDeath) => void): () => void;
}

/** What is known of a worker's process that died. */
export interface WorkerDeath {
  readonly worker: string;
  /** Keys of the models that were being loaded or run when it died; requests for others only waited beside them. */
  readonly atWork: readonly string[];
}
