import { setTimeout as sleep } from 'node:timers/promises';
import { canonicalJson } from '../model/canonical-json.ts';
import type { ArtifactStore } from '../stores/artifacts/artifacts.ts';
import type { ObjectPlans } from '../stores/plans/s3-plans.ts';
import { type Needed, neededBy, versionsOf } from '../stores/records/contents.ts';
import { type Head, headOfRecord, type Name, nameText } from '../stores/records/record-keys.ts';
import type { RecordObjects } from '../stores/records/records.ts';
import type { RegistryRecord } from '../stores/registry/records.ts';
import type { Registry } from '../stores/registry/registry.ts';
import { shortOf } from './artifact-sweep.ts';

export interface Finding {
  readonly kind:
    | 'missing_in_registry'
    | 'missing_record'
    | 'other_revision'
    | 'other_content'
    | 'corrupt_record'
    | 'missing_artifact'
    | 'missing_plan'
    | 'missing_structure';
  /** `tenant`, `tenant/model` or `tenant/model@version`. */
  readonly name: string;
  readonly message: string;
}

export interface VerifyDeps {
  readonly registry: Pick<Registry, 'record' | 'records'>;
  readonly records: Pick<RecordObjects, 'heads' | 'get' | 'ofTenant'>;
  readonly artifacts: Pick<ArtifactStore, 'list'>;
  readonly plans: Pick<ObjectPlans, 'list' | 'listStructures'>;
}

/** What differs is looked at again so often and after so long: a change may be under way. */
const LOOKS = 3;
const LOOK_AGAIN_MS = 1_000;
/** So many are no changes under way. */
const MOST_LOOKED_AT_AGAIN = 1_000;

/** Every difference between the registry, its records and what its versions need. Reads only, beside a fleet at work too. */
export async function verifyRegistry(deps: VerifyDeps): Promise<{ records: number; findings: Finding[] }> {
  const { registry, records } = deps;
  const heads = await records.heads();
  const stored = await storedContents(deps);
  const suspects = new Map<string, { name: Name; findings: Finding[] }>();
  const contents: Finding[] = [];
  const seen = new Set<string>();
  const suspect = (name: Name, findings: Finding[]): void => {
    if (findings.length > 0) suspects.set(nameText(name), { name, findings });
  };
  for await (const page of registry.records()) {
    await Promise.all(
      page.map(async (record) => {
        const name = headOfRecord(record);
        seen.add(nameText(name));
        suspect(name, await compare(deps, record, heads.get(name)));
        contents.push(...missingContents(record, stored));
      }),
    );
  }
  for (const head of heads.all()) {
    if (seen.has(nameText(head)) || (head.model !== undefined && head.gone)) continue;
    suspect(head, [missingInRegistry(head)]);
  }
  for (let look = 1; look < LOOKS && suspects.size > 0 && suspects.size <= MOST_LOOKED_AT_AGAIN; look++) {
    await sleep(LOOK_AGAIN_MS);
    const names = [...suspects.values()].map(({ name }) => name);
    for (const name of names) {
      suspects.delete(nameText(name));
      suspect(name, await lookAgain(deps, name));
    }
  }
  const differences = [...suspects.values()].flatMap(({ findings }) => findings);
  return { records: seen.size, findings: [...differences, ...(await stillMissing(deps, contents))] };
}

async function lookAgain(deps: VerifyDeps, name: Name): Promise<Finding[]> {
  const record = await deps.registry.record(name.tenant, name.model);
  const { heads } = await deps.records.ofTenant(name.tenant);
  const head = heads.find((each) => each.model === name.model);
  if (record !== undefined) return compare(deps, record, head);
  if (head === undefined || (head.model !== undefined && head.gone)) return [];
  return [missingInRegistry(head)];
}

function missingInRegistry(head: Head): Finding {
  const what = head.gone ? 'its deletion' : 'it';
  const message = `the object store has ${what} at revision ${head.revision}, the registry knows nothing of it`;
  return { kind: 'missing_in_registry', name: nameText(head), message };
}

async function compare(
  { records }: VerifyDeps,
  record: RegistryRecord,
  head: Head | undefined,
): Promise<Finding[]> {
  const { revision } = record;
  const name = nameText(headOfRecord(record));
  if (head === undefined) {
    const message = `the registry has it at revision ${revision}, the object store has no record`;
    return [{ kind: 'missing_record', name, message }];
  }
  if (head.revision !== revision) {
    const message = `the registry has revision ${revision}, the object store ${head.revision}`;
    return [{ kind: 'other_revision', name, message }];
  }
  const read = await records.get(head);
  if (read === undefined) {
    const message = `its record of revision ${revision} is gone`;
    return [{ kind: 'missing_record', name, message }];
  }
  if ('corrupt' in read) {
    const message = `its record of revision ${revision} ${read.corrupt}`;
    return [{ kind: 'corrupt_record', name, message }];
  }
  if (canonicalJson(read.record) === canonicalJson(record)) return [];
  const message = `registry and object store differ at the same revision ${revision}`;
  return [{ kind: 'other_content', name, message }];
}

type Stored = Readonly<Record<Needed['kind'], ReadonlySet<number>>>;

async function storedContents({ artifacts, plans }: VerifyDeps): Promise<Stored> {
  const [artifact, plan, structure] = await Promise.all(
    [artifacts.list(), plans.list(), plans.listStructures()].map(async (listed) => {
      const digests = new Set<number>();
      for await (const { digest } of listed) digests.add(shortOf(digest));
      return digests;
    }),
  );
  if (artifact === undefined || plan === undefined || structure === undefined) throw new Error('three lists');
  return { artifact, plan, structure };
}

function missingContents(record: RegistryRecord, stored: Stored): Finding[] {
  return versionsOf(record).flatMap((version) =>
    neededBy(version)
      .filter(({ kind, digest }) => !stored[kind].has(shortOf(digest)))
      .map(({ kind, digest }): Finding => {
        const name = `${version.tenant}/${version.model}@${version.version}`;
        return { kind: `missing_${kind}`, name, message: `the object store has no ${kind} ${digest}` };
      }),
  );
}

/** What was registered after the lists were made has its artifacts all the same. */
async function stillMissing(deps: VerifyDeps, findings: readonly Finding[]): Promise<Finding[]> {
  if (findings.length === 0 || findings.length > MOST_LOOKED_AT_AGAIN) return [...findings];
  const stored = await storedContents(deps);
  const names = new Set(findings.map(({ name }) => name));
  const records = await Promise.all(
    [...new Set([...names].map((name) => name.slice(0, name.lastIndexOf('@'))))].map((name) => {
      const [tenant = '', model] = name.split('/');
      return deps.registry.record(tenant, model);
    }),
  );
  const missing = records.flatMap((record) => (record === undefined ? [] : missingContents(record, stored)));
  return missing.filter(({ name }) => names.has(name));
}
