/** Which of the managers leads: only it changes the registry; the others pass changes on to it. */
export interface Leader {
  readonly id: string;
  /** `http://host:port` of its API. */
  readonly address: string;
  /** Grows with every leader; the registry takes no change under an older one. */
  readonly term: number;
}

/** For everybody: who leads, as far as it is known. */
export interface LeaderWatch {
  /** Undefined: nobody leads, or it isn't known. */
  current(): Leader | undefined;
  /** Calls back after every change; returns the way to stop. */
  watch(onChange: (leader: Leader | undefined) => void): () => void;
  close(): Promise<void>;
}

/**
 * For a manager: takes the lease when it is free, renews it, and gives it back when it closes. `current()` is this
 * manager only while it may write: it steps down by its own clock before others may take the lease.
 */
export interface Candidate extends LeaderWatch {
  readonly id: string;
  /** What this manager writes under now; undefined while it doesn't lead. */
  fence(): Fence | undefined;
}

/** A candidate that says itself when it stands, and for how long. */
export interface StandingCandidate extends Candidate {
  /** From now on it asks for the lease; `address` is where others reach it. Until then nobody leads, as far as it knows. */
  stand(address: string): void;
  /** Gives the lease back, and asks for it again only after so long: another may be able to do what this one can't. */
  stepAside(forMs: number): Promise<void>;
  /** Gives the lease back and asks for it no more; it goes on telling who leads. */
  resign(): Promise<void>;
}

/** Shown to the registry with every change. */
export interface Fence {
  readonly leader: string;
  readonly term: number;
}
