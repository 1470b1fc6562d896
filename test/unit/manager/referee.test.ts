import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ShoalError } from '../../../src/core/errors.ts';
import { tryPlan } from '../../../src/manager/plan-trial.ts';
import { type CompiledPlan, findPlanFault } from '../../../src/manager/referee.ts';
import { refereeBatches } from '../../../src/manager/referee-rows.ts';
import { elementBytes, layElements } from '../../../src/model/elements.ts';
import { encodePlan } from '../../../src/model/plan/blob.ts';
import type { Probe } from '../../../src/model/plan/builder.ts';
import type { PlanStructure } from '../../../src/model/plan/structure.ts';
import type { Datatype, NamedTensor } from '../../../src/model/signature.ts';
import type { Executor } from '../../../src/runtime/executor.ts';
import { decodeStrings } from '../../../src/runtime/string-elements.ts';

type Row = readonly (number | bigint | string)[];

/** Answers one number a row. */
function answering(answer: (row: Row) => number, seen?: NamedTensor[][]): Executor {
  return {
    async run(inputs, partRows) {
      seen?.push([
        ...inputs,
        { name: 'parts', datatype: 'INT64', shape: [partRows], data: new Uint8Array() },
      ]);
      const data = elementBytes(Float32Array.from(rowsOf(inputs), answer));
      return [{ name: 'y', datatype: 'FP32', shape: [inputs[0]?.shape[0] as number, 1], data }];
    },
    release: async () => undefined,
  };
}

function rowsOf(inputs: readonly NamedTensor[]): Row[] {
  const rows = inputs[0]?.shape[0] as number;
  const columns = inputs.map((tensor) => {
    const count = tensor.shape.reduce((product, dimension) => product * dimension, 1);
    const elements: Row =
      tensor.datatype === 'BYTES'
        ? decodeStrings(tensor.name, tensor.data, count)
        : Array.from(layElements(tensor) as Iterable<number>);
    return { elements, width: count / rows };
  });
  return Array.from({ length: rows }, (_, row) =>
    columns.flatMap(({ elements, width }) => elements.slice(row * width, (row + 1) * width)),
  );
}

function compiledOf(datatype: Datatype, width: number, probes: readonly Probe[] = []): CompiledPlan {
  const structure: PlanStructure = {
    format: 1,
    inputs: [{ name: 'x', datatype, dims: [width], register: 0 }],
    registers: [{ kind: datatype === 'BYTES' ? 'text' : 'f32', width }],
    steps: [],
    outputs: [],
  };
  return { structure, probes, plan: encodePlan(structure, [], 10) };
}

const comparing = { partRows: 0, scores: new Set<string>() };
const at = (row: Row, column = 0): number => Number(row[column]);

/** Both answers in the order session, plan. */
function fault(compiled: CompiledPlan, session: (row: Row) => number, plan: (row: Row) => number) {
  return findPlanFault(answering(session), answering(plan), compiled, comparing);
}

it('finds a plan that answers otherwise only at a threshold, and says where', async () => {
  const compiled = compiledOf('FP32', 3, [{ input: 0, column: 1, values: [0.3, 17.25] }]);
  for (const threshold of [Math.fround(0.3), 17.25]) {
    const below = (row: Row) => (at(row, 1) < threshold ? 1 : 2);
    assert.match(
      (await fault(compiled, below, (row) => (at(row, 1) <= threshold ? 1 : 2))) ?? '',
      /^in batch \d+ of the generated rows, y\[\d+\]\[0\]: got 1, expected 2$/,
    );
    assert.equal(await fault(compiled, below, below), undefined);
  }
});

it('finds a plan that is wrong only for strange numbers', async () => {
  const compiled = compiledOf('FP32', 4);
  const sum = (row: Row) => row.reduce<number>((total, value) => total + Number(value), 0);
  const wrong: [string, (row: Row) => boolean][] = [
    ['NaN', (row) => row.some((value) => Number.isNaN(value))],
    ['an infinity', (row) => row.includes(-Infinity) && !row.includes(Infinity)],
    ['minus zero', (row) => row.some((value) => Object.is(value, -0))],
    ['a large one', (row) => row.some((value) => Number(value) === Math.fround(1e30))],
    ['a tiny one', (row) => row.some((value) => Number(value) > 0 && Number(value) < 1e-20)],
  ];
  for (const [what, isStrange] of wrong) {
    assert.notEqual(
      await fault(
        compiled,
        () => 1,
        (row) => (isStrange(row) ? 3 : 1),
      ),
      undefined,
      what,
    );
  }
  assert.equal(await fault(compiled, sum, sum), undefined);
});

it('tries texts of the model, unseen ones, the empty one and others than ASCII; and whole numbers beside its own', async () => {
  const texts = compiledOf('BYTES', 2, [{ input: 0, column: 0, values: ['red', 'green'] }]);
  for (const text of ['red', 'green', '', 'no such category', 'Zürich ✓'])
    assert.notEqual(
      await fault(
        texts,
        () => 1,
        (row) => (row[0] === text ? 2 : 1),
      ),
      undefined,
      text,
    );
  const integers = compiledOf('INT64', 2, [{ input: 0, column: 1, values: [70_123] }]);
  for (const integer of [70_122n, 70_123n, 70_124n, 0n, -1n])
    assert.notEqual(
      await fault(
        integers,
        () => 1,
        (row) => (row[1] === integer ? 2 : 1),
      ),
      undefined,
      `${integer}`,
    );
});

it('takes what float32 may differ by, in numbers, and nothing else', async () => {
  const compiled = compiledOf('FP32', 2);
  const answer = (row: Row) => Math.hypot(at(row), at(row, 1));
  assert.equal(await fault(compiled, answer, (row) => answer(row) * (1 + 5e-6)), undefined);
  assert.notEqual(await fault(compiled, answer, (row) => answer(row) * (1 + 2e-5)), undefined);
});

it('a row that one refuses the other must refuse, and the rows beside it are compared', async () => {
  const compiled = compiledOf('FP32', 2);
  const refusing = (answer: (row: Row) => number) => (row: Row) => {
    if (Number.isNaN(at(row))) throw new ShoalError('MODEL_FAILED', 'index out of range');
    return answer(row);
  };
  const one = () => 1;
  assert.equal(await fault(compiled, refusing(one), refusing(one)), undefined);
  assert.match(
    (await fault(compiled, refusing(one), one)) ?? '',
    /row \d+: got an answer, expected a refusal \(index out of range\)$/,
  );
  assert.match((await fault(compiled, one, refusing(one))) ?? '', /got a refusal .*, expected an answer$/);
  const other = refusing((row) => (Number.isNaN(at(row, 1)) ? 2 : 1));
  assert.match((await fault(compiled, refusing(one), other)) ?? '', /got 2, expected 1$/);
  const none = () => {
    throw new ShoalError('INVALID_INPUT', 'no');
  };
  assert.equal(await fault(compiled, none, none), 'no generated row could be run by both');
});

it('tries at least 256 rows, no more than a thousand or so, the same each time, in parts where the batch is fixed', async () => {
  const values = Array.from({ length: 5_000 }, (_, index) => index);
  for (const [probes, least, most] of [
    [[], 256, 300],
    [[{ input: 0, column: 0, values }], 1_000, 1_100],
  ] as const) {
    const compiled = compiledOf('FP32', 2, probes);
    const runs: NamedTensor[][][] = [[], []];
    for (const seen of runs) {
      const session = answering(() => 1, seen);
      assert.equal(
        await findPlanFault(
          session,
          answering(() => 1),
          compiled,
          { ...comparing, partRows: 4 },
        ),
        undefined,
      );
    }
    assert.deepEqual(runs[0], runs[1]);
    const rows = (runs[0] ?? []).reduce((sum, [x]) => sum + (x?.shape[0] as number), 0);
    assert.ok(rows >= least && rows <= most, `${rows} rows`);
    assert.ok(runs[0]?.every((inputs) => inputs.at(-1)?.shape[0] === 4));
  }
});

it('generated rows have the shape and datatype of every input', () => {
  const inputs = (['FP32', 'FP64', 'INT64', 'INT32', 'BOOL', 'BYTES'] as const).map((datatype, index) => ({
    name: datatype,
    datatype,
    dims: index % 2 === 0 ? [2, 3] : [],
    register: index,
  }));
  for (const batch of refereeBatches(inputs, [], 300)) {
    assert.deepEqual(
      batch.map(({ name, shape }) => [name, ...shape.slice(1)]),
      inputs.map(({ name, dims }) => [name, ...dims]),
    );
    assert.equal(rowsOf(batch).length, batch[0]?.shape[0]);
    assert.ok(rowsOf(batch).every((row) => row.length === 21));
  }
});

it('a plan that breaks is a bug of ours and no fault of the model', async () => {
  const { structure, ...rest } = compiledOf('FP32', 2);
  const steps = [{ op: 'no such step' }] as unknown as PlanStructure['steps'];
  const spec = {
    signature: { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }], outputs: [] },
  } as const;
  const broken = { ...rest, structure: { ...structure, steps } };
  const found = await tryPlan(
    broken,
    answering(() => 1),
    spec,
    {},
    async () => 1,
  );
  assert.ok('reason' in found && found.outcome === 'failed');
  assert.match(found.reason, /^its plan failed: a plan has a step no such step/);
  assert.match(found.stack ?? '', /at /);
});
