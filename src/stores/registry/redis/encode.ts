import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../model/canonical-json.ts';
import type { ModelState, TenantState } from '../records.ts';
import type { AdmittedArtifact, Registration } from '../registry.ts';
import { packDigest, packTraffic } from './fields.ts';

/** 96 bits of the value's sha256. */
const ID_LENGTH = 16;

const WEIGHT_BYTES = 4_096;

interface Encoded {
  readonly id: string;
  readonly json: string;
}

const encoded = new WeakMap<object, Encoded>();

/** Specs, configs and executors never change, and one object is often that of many registrations. */
function encode(value: object): Encoded {
  let known = encoded.get(value);
  if (known === undefined) {
    const json = canonicalJson(value);
    known = { json, id: createHash('sha256').update(json).digest('base64url').slice(0, ID_LENGTH) };
    encoded.set(value, known);
  }
  return known;
}

/** What a registration adds to the time that Redis needs for a group of them; 1 for nearly all. */
export function weightOf({ artifact, config }: Registration): number {
  const values = [artifact.spec, artifact.executor, config].map((value) => encode(value).json.length);
  return 1 + Math.floor(values.reduce((a, b) => a + b, 0) / WEIGHT_BYTES);
}

/** Places in the list of values that goes with a call: most of its registrations share them. */
class Values {
  readonly list: [id: string, json: string][] = [];
  readonly #places = new Map<string, number>();

  place(value: object): number {
    const { id, json } = encode(value);
    const known = this.#places.get(id);
    if (known !== undefined) return known;
    this.#places.set(id, this.list.length);
    return this.list.push([id, json]) - 1;
  }
}

/** What register.lua takes. */
export function encodeRegistrations(registrations: readonly Registration[]): string {
  const values = new Values();
  return JSON.stringify({
    registrations: registrations.map(({ tenant, model, version, activate, artifact, config }) => [
      tenant,
      model,
      version,
      activate ? 1 : 0,
      ...artifactOf(values, artifact, config),
    ]),
    values: values.list,
  });
}

/** What restore-put.lua takes. */
export function encodeRecords(tenants: readonly TenantState[], models: readonly ModelState[]): string {
  const values = new Values();
  return JSON.stringify({
    tenants: tenants.map(({ tenant, revision, settings }) => [
      tenant,
      revision,
      settings === undefined ? '' : canonicalJson(settings),
    ]),
    models: models.map(({ tenant, model, revision, state }) => [
      tenant,
      model,
      revision,
      state === undefined ? [] : modelFields(state),
      (state?.versions ?? []).map(({ version, revision, quarantine, artifact, config }) => [
        version,
        revision,
        quarantine === undefined ? '' : `${Date.parse(quarantine.since)} ${quarantine.reason}`,
        ...artifactOf(values, artifact, config),
      ]),
    ]),
    values: values.list,
  });
}

function modelFields({ traffic, settings }: NonNullable<ModelState['state']>): string[] {
  const [stable, , canary, canaryPercent, shadow, shadowPercent] = packTraffic(traffic);
  return [
    ...(settings.minCopies === 0 ? [] : ['c', String(settings.minCopies)]),
    ...(stable === '' ? [] : ['ts', stable]),
    ...(canary === '' ? [] : ['tc', `${canaryPercent} ${canary}`]),
    ...(shadow === '' ? [] : ['th', `${shadowPercent} ${shadow}`]),
  ];
}

function artifactOf(values: Values, artifact: AdmittedArtifact, config: object): (string | number)[] {
  const { digest, preparedDigest, bytes, resources, spec, executor } = artifact;
  const { residentBytes, loadMs, runMs } = resources;
  return [
    packDigest(digest),
    preparedDigest === digest ? '' : packDigest(preparedDigest),
    `${Math.ceil(residentBytes)} ${bytes} ${loadMs} ${runMs}`,
    values.place(spec),
    values.place(config),
    values.place(executor),
  ];
}
