import {
  ELEMENT,
  floats,
  int64s,
  type ModelOptions,
  mapSequence,
  model,
  node,
  value,
} from './onnx-builder.ts';

/** Small models made on the spot: plain ones of each datatype, and those that harm what loads or runs them. */

/** y = x for one element type. */
export function identityModel(
  element: keyof typeof ELEMENT,
  shape: readonly (number | string | null)[] = [null, 1],
  options: ModelOptions = {},
): Uint8Array {
  const elementType = ELEMENT[element];
  return model(
    {
      node: [node('Identity', ['x'], ['y'])],
      input: [value('x', elementType, shape)],
      output: [value('y', elementType, shape)],
    },
    options,
  );
}

/** A classifier of two columns whose scores leave by a ZipMap, with string or int64 classes. */
export function zipMapModel(classes: readonly string[] | readonly bigint[]): Uint8Array {
  const isText = typeof classes[0] === 'string';
  const list = isText ? (classes as readonly string[]) : (classes as readonly bigint[]);
  return model({
    node: [
      node('ArgMax', ['x'], ['index'], { axis: 1n, keepdims: 0n }),
      node(
        'LabelEncoder',
        ['index'],
        ['label'],
        {
          keys_int64s: list.map((_, index) => BigInt(index)),
          [isText ? 'values_strings' : 'values_int64s']: list,
        },
        'ai.onnx.ml',
      ),
      node(
        'ZipMap',
        ['x'],
        ['scores'],
        { [isText ? 'classlabels_strings' : 'classlabels_int64s']: list },
        'ai.onnx.ml',
      ),
    ],
    input: [value('x', ELEMENT.float, [null, list.length])],
    output: [
      value('label', isText ? ELEMENT.string : ELEMENT.int64, [null]),
      mapSequence('scores', isText ? ELEMENT.string : ELEMENT.int64),
    ],
  });
}

/** Runs for ever. */
export function endlessLoopModel(): Uint8Array {
  const body = {
    name: 'body',
    node: [node('Identity', ['go'], ['goOn']), node('Identity', ['carried'], ['carriedOn'])],
    input: [
      value('turn', ELEMENT.int64, []),
      value('go', ELEMENT.bool, []),
      value('carried', ELEMENT.float, [null, 1]),
    ],
    output: [value('goOn', ELEMENT.bool, []), value('carriedOn', ELEMENT.float, [null, 1])],
  };
  return model({
    node: [node('Loop', ['', 'yes', 'x'], ['y'], { body: { graph: body } })],
    initializer: [{ name: 'yes', dims: [], dataType: ELEMENT.bool, int32Data: [1] }],
    input: [value('x', ELEMENT.float, [null, 1])],
    output: [value('y', ELEMENT.float, [null, 1])],
  });
}

/** Takes 4 * `elements` bytes to run one row: a few bytes of file, as much memory as one likes. */
export function expandModel(elements: number): Uint8Array {
  return model({
    node: [
      node('Expand', ['x', 'shape'], ['wide']),
      node('ReduceMax', ['wide'], ['y'], { axes: [1n], keepdims: 1n }),
    ],
    initializer: [int64s('shape', [2], [1n, BigInt(elements)])],
    input: [value('x', ELEMENT.float, [null, 1])],
    output: [value('y', ELEMENT.float, [null, 1])],
  });
}

/** Ends ONNX Runtime 1.30 by SIGFPE while it loads; the reader refuses it. */
export function convTransposeGroupModel(group: bigint): Uint8Array {
  return model({
    node: [node('ConvTranspose', ['x', 'w'], ['y'], { group })],
    initializer: [floats('w', [1, 1, 1], [1])],
    input: [value('x', ELEMENT.float, [null, 1, 4])],
    output: [value('y', ELEMENT.float, [null, 1, 4])],
  });
}

/** Divides its one int64 by -1: SIGFPE in ONNX Runtime 1.30 when -2^63 comes, fine for all else. */
export function divideByMinusOneModel(): Uint8Array {
  return model({
    node: [node('Div', ['x', 'divisor'], ['y'])],
    initializer: [int64s('divisor', [1], [-1n])],
    input: [value('x', ELEMENT.int64, [null, 1])],
    output: [value('y', ELEMENT.int64, [null, 1])],
  });
}

export function customDomainModel(): Uint8Array {
  return unary(node('Frobnicate', ['x'], ['y'], {}, 'com.example.ops'), {
    opsets: [
      ['', 17],
      ['com.example.ops', 1],
    ],
  });
}

export function unknownOperatorModel(): Uint8Array {
  return unary(node('Frobnicate', ['x'], ['y']));
}

export function cycleModel(): Uint8Array {
  return model({
    node: [
      { ...node('Add', ['x', 'b'], ['a']), name: 'first' },
      { ...node('Abs', ['a'], ['b']), name: 'second' },
      { ...node('Abs', ['b'], ['y']), name: 'after' },
    ],
    input: [value('x', ELEMENT.float, [null, 1])],
    output: [value('y', ELEMENT.float, [null, 1])],
  });
}

export function externalDataModel(): Uint8Array {
  return model({
    node: [node('Add', ['x', 'w'], ['y'])],
    initializer: [
      {
        name: 'w',
        dims: [1n],
        dataType: ELEMENT.float,
        dataLocation: 1,
        externalData: [{ key: 'location', value: '../../etc/passwd' }],
      },
    ],
    input: [value('x', ELEMENT.float, [null, 1])],
    output: [value('y', ELEMENT.float, [null, 1])],
  });
}

/** Functions of a few hundred bytes that expand to `fanOut` ^ `levels` nodes. */
export function nestedFunctionsModel(levels: number, fanOut: number): Uint8Array {
  const domain = 'local';
  const functions = Array.from({ length: levels }, (_, level) => {
    const calls = Array.from({ length: fanOut }, (_, call) =>
      level === 0
        ? node('Abs', [`v${call}`], [`v${call + 1}`])
        : node(`F${level - 1}`, [`v${call}`], [`v${call + 1}`], {}, domain),
    );
    return {
      name: `F${level}`,
      domain,
      input: ['v0'],
      output: [`v${fanOut}`],
      node: calls,
      opsetImport: [
        { domain: '', version: 17n },
        { domain, version: 1n },
      ],
    };
  });
  return unary(node(`F${levels - 1}`, ['x'], ['y'], {}, domain), {
    functions,
    opsets: [
      ['', 17],
      [domain, 1],
    ],
  });
}

export function recursiveFunctionModel(): Uint8Array {
  const domain = 'local';
  return unary(node('F', ['x'], ['y'], {}, domain), {
    functions: [
      {
        name: 'F',
        domain,
        input: ['a'],
        output: ['b'],
        node: [node('F', ['a'], ['b'], {}, domain)],
        opsetImport: [{ domain, version: 1n }],
      },
    ],
    opsets: [
      ['', 17],
      [domain, 1],
    ],
  });
}

function unary(only: ReturnType<typeof node>, options: ModelOptions = {}): Uint8Array {
  return model(
    {
      node: [only],
      input: [value('x', ELEMENT.float, [null, 1])],
      output: [value('y', ELEMENT.float, [null, 1])],
    },
    options,
  );
}
