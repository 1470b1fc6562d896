import type { Traffic } from '../../core/traffic-split.ts';
import { parseCanonicalJson } from '../../model/canonical-json.ts';
import type { ServingSpec } from '../../model/serving-spec.ts';
import type { Quarantine, TenantSettings } from './registry.ts';

/** A RoutingEntry whose specs are ids and whose traffic is its JSON: the client holds one object for each. */
export type RowEntry<Id> =
  | {
      readonly kind: 'model';
      readonly tenant: string;
      readonly model: string;
      readonly revision: number;
      readonly state?: {
        readonly traffic: string;
        readonly minCopies?: number;
        readonly versions: readonly RowVersion<Id>[];
      };
    }
  | {
      readonly kind: 'tenant';
      readonly tenant: string;
      readonly revision: number;
      readonly settings?: TenantSettings;
    };

export interface RowVersion<Id> {
  readonly version: string;
  readonly preparedDigest: string;
  readonly residentBytes: number;
  readonly specId: Id;
  readonly quarantine?: Quarantine;
}

export function parseTraffic(json: unknown): Traffic {
  return parseCanonicalJson(String(json)) as Traffic;
}

export function parseSpec(json: unknown): ServingSpec {
  return parseCanonicalJson(String(json)) as unknown as ServingSpec;
}
