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
}
