/** A live worker as routers see it. */
export interface Member {
  readonly id: string;
  /** `http://host:port` */
  readonly address: string;
  readonly zone: string;
  /** Relative share of the models; 1 by default. */
  readonly weight: number;
}

/** The live workers. Routers and managers read it; whoever starts or watches workers writes it. */
export interface Members {
  list(): readonly Member[];
  /** What each of them last said of itself. */
  announcements(): readonly Announcement[];
  /** Calls back after every change of the list (not of what else is announced), with the new one; returns the way to stop. */
  watch(onChange: (members: readonly Member[]) => void): () => void;
  /** Calls back when a worker's process has died, and again when more is known of it; returns the way to stop. */
  watchDeaths(onDeath: (death: WorkerDeath) => void): () => void;
}

/** What is known of a worker's process that died. */
export interface WorkerDeath {
  readonly worker: string;
  /** Keys of the models that were being loaded or run when it died; requests for others only waited beside them. */
  readonly atWork: readonly string[];
  /** Keys of those that may have killed it. Several are suspects: no worker runs them beside each other. */
  readonly blamed?: readonly string[];
  /** Keys of those that are in quarantine for it: the others are no suspects for its sake. */
  readonly guilty?: readonly string[];
  /** How long ago it died; absent: just now. */
  readonly agoMs?: number;
}

/** What a worker says of itself, and says again well before its lease is over. */
export interface Announcement extends Member {
  readonly lanes: number;
  readonly budgetBytes: number;
  readonly load: MemberLoad;
}

export interface MemberLoad {
  readonly residentBytes: number;
  readonly residentModels: number;
  readonly queuedRequests: number;
  readonly queueDelayUs: number;
}

/** The writing side of the members, held by the process that starts workers. */
export interface MemberAnnouncer {
  /**
   * Makes it a member until it leaves or its lease is over; to be said again (`MEMBER_RENEWALS` times a lease).
   * Throws STORE_UNAVAILABLE; whoever announces tries again. IN_USE: another process announces this id at another
   * address, and its lease isn't over.
   */
  announce(member: Announcement): Promise<void>;
  /** It takes no new requests: routers let go of it at once, before its lease is over. */
  leave(member: Pick<Member, 'id' | 'address'>): Promise<void>;
  /** Tells routers of a death; the member stays until its lease is over or it is announced anew. */
  died(death: WorkerDeath): Promise<void>;
}

/** How often an announcement is said again within a lease. */
export const MEMBER_RENEWALS = 3;
