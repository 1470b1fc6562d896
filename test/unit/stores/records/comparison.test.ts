import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Comparison, type Difference } from '../../../../src/stores/records/comparison.ts';
import { Heads, tenantHeads } from '../../../../src/stores/records/heads.ts';
import { headOfRecord, keyOf, nameText } from '../../../../src/stores/records/record-keys.ts';
import type { RegistryRecord } from '../../../../src/stores/registry/records.ts';

/** `acme`, `acme/m`; `gone` after the revision for a deletion. */
function recordOf(text: string): RegistryRecord {
  const [name = '', revision, gone] = text.split(' ');
  const [tenant = '', model] = name.split('/');
  const head = { tenant, revision: Number(revision) };
  if (model === undefined)
    return { kind: 'tenant', ...head, ...(gone === undefined ? { settings: {} } : {}) };
  const state = { traffic: {}, settings: { minCopies: 0 }, versions: [] };
  return { kind: 'model', ...head, model, ...(gone === undefined ? { state } : {}) };
}

function compare(registry: string[], records: string[], revision: number | undefined): Difference {
  const heads = new Heads();
  const keys = Map.groupBy(records.map(recordOf).map(headOfRecord), ({ tenant }) => tenant);
  for (const of of keys.values()) heads.add(tenantHeads(of.map(keyOf)));
  const comparison = new Comparison(heads);
  for (const each of registry) comparison.see(recordOf(each));
  return comparison.end(revision === undefined ? undefined : { history: 'h', revision });
}

function told({ restore, write, wentBack }: Difference) {
  return {
    restore: restore.map((head) => `${nameText(head)} ${head.revision}${head.gone ? ' gone' : ''}`),
    write: write.map(nameText),
    wentBack,
  };
}

const cases: [string, string[], string[], number | undefined, Partial<ReturnType<typeof told>>][] = [
  ['both agree', ['a 1', 'a/m 2'], ['a 1', 'a/m 2'], 2, {}],
  ['nothing anywhere', [], [], undefined, { wentBack: true }],
  [
    'an empty registry gets all, deletions of tenants too',
    [],
    ['a 1', 'a/m 2', 'b 3 gone', 'a/x 4 gone'],
    undefined,
    {
      restore: ['a 1', 'a/m 2', 'b 3 gone'],
      wentBack: true,
    },
  ],
  [
    'a registry ahead gets its records written',
    ['a 1', 'a/m 5', 'a/n 4'],
    ['a 1', 'a/m 2'],
    5,
    {
      write: ['a/m', 'a/n'],
    },
  ],
  [
    'a registry behind gets what is newer',
    ['a 1', 'a/m 2'],
    ['a 1', 'a/m 5'],
    2,
    {
      restore: ['a/m 5'],
      wentBack: true,
    },
  ],
  [
    'a deletion that the registry lost is made again',
    ['a 1', 'a/m 2'],
    ['a 1', 'a/m 2', 'a/m 3 gone'],
    2,
    {
      restore: ['a/m 3 gone'],
      wentBack: true,
    },
  ],
  ['a deletion that never got its record is undone', ['a 1'], ['a 1', 'a/m 2'], 3, { restore: ['a/m 2'] }],
  [
    'models of a tenant deleted in the registry are not put back',
    ['a 5 gone'],
    ['a 1', 'a/m 2'],
    5,
    {
      write: ['a'],
    },
  ],
  [
    'a model that went with its tenant goes, though the tenant is there again',
    ['a 1', 'a/m 2'],
    ['a 5 gone', 'a 7'],
    2,
    {
      restore: ['a 7', 'a/m 5 gone'],
      wentBack: true,
    },
  ],
  [
    'that a revision was given to a deletion alone is seen',
    ['a 1'],
    ['a 1', 'a/m 9 gone'],
    4,
    { wentBack: true },
  ],
];

for (const [what, registry, records, revision, expected] of cases) {
  test(what, () => {
    const difference = told(compare(registry, records, revision));
    assert.deepEqual(difference, { restore: [], write: [], wentBack: false, ...expected });
  });
}
