import type { Traffic } from '../../core/traffic-split.ts';
import type { ModelSettings, TenantSettings, VersionRecord } from './registry.ts';

/**
 * A whole model or tenant, as export writes it, the object store keeps it and `restore` takes it. Strikes aren't kept,
 * quarantine is.
 */
export type RegistryRecord = TenantState | ModelState;

export interface TenantState {
  readonly kind: 'tenant';
  readonly tenant: string;
  /** Of its settings, or of its deletion. */
  readonly revision: number;
  /** Undefined: deleted, with all models of an older revision; registering under the name is refused. */
  readonly settings?: TenantSettings;
}

export interface ModelState {
  readonly kind: 'model';
  readonly tenant: string;
  readonly model: string;
  /** Of the last change to the model. */
  readonly revision: number;
  /** Undefined: deleted. */
  readonly state?: {
    readonly traffic: Traffic;
    readonly settings: ModelSettings;
    /** Each with the revision at which it was registered. */
    readonly versions: readonly VersionRecord[];
  };
}
