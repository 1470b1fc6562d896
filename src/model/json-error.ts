/**
 * Where a text stops being JSON. Run only after JSON.parse has refused it, since V8's message names no position
 * for most faults and quotes the caller's text.
 */
export interface JsonFault {
  readonly position: number;
  readonly expected: string;
}

const SPACE = /[ \t\r\n]*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity/y;
const STRING_RUN = /[^"\\\p{Cc}]+|[\u007f-\u009f]+|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}/uy;

type State = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | 'after';

export function jsonErrorAt(text: string): JsonFault {
  const open: ('[' | '{')[] = [];
  let state: State = 'value';
  let at = 0;
  for (;;) {
    at = match(SPACE, text, at);
    const char = text[at];
    if (char === undefined) {
      const expected =
        state === 'after' && open.length === 0
          ? 'nothing wrong found'
          : `the text ends, expected ${wanted(state, open)}`;
      return { position: at, expected };
    }
    const fault: JsonFault = { position: at, expected: `expected ${wanted(state, open)}` };
    const wantsName: boolean = state === 'name' || state === 'name or }';
    if (state === 'after') {
      const container = open.at(-1);
      if (container === undefined) return { position: at, expected: 'expected the end of the text' };
      if (char === (container === '[' ? ']' : '}')) open.pop();
      else if (char === ',') state = container === '[' ? 'value' : 'name';
      else return fault;
      at++;
    } else if (state === ':') {
      if (char !== ':') return fault;
      state = 'value';
      at++;
    } else if (isEmptyEnd(state, char)) {
      open.pop();
      state = 'after';
      at++;
    } else if (char === '"') {
      const end = stringEnd(text, at);
      if (text[end] !== '"')
        return {
          position: end,
          expected: 'the string is not closed, or holds a bad escape or control character',
        };
      state = wantsName ? ':' : 'after';
      at = end + 1;
    } else if (wantsName) {
      return fault;
    } else if (char === '[' || char === '{') {
      open.push(char);
      state = char === '[' ? 'value or ]' : 'name or }';
      at++;
    } else {
      const end = match(SCALAR, text, at);
      if (end === at) return fault;
      state = 'after';
      at = end;
    }
  }
}

function isEmptyEnd(state: State, char: string): boolean {
  return char === ']' ? state === 'value or ]' : char === '}' && state === 'name or }';
}

function wanted(state: State, open: readonly string[]): string {
  if (state === 'after') return open.at(-1) === '[' ? '"," or "]"' : '"," or "}"';
  if (state === ':') return '":"';
  return state === 'name' || state === 'name or }' ? 'a name in double quotes' : 'a value';
}

function stringEnd(text: string, start: number): number {
  let at = start + 1;
  for (;;) {
    const next = match(STRING_RUN, text, at);
    if (next === at) return at;
    at = next;
  }
}

function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
