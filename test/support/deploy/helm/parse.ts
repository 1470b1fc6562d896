/** The part of Go's text/template that the chart uses; what is beyond it is an error, so that the chart stays plain. */
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly value: Pipeline }
  | { readonly kind: 'assign'; readonly name: string; readonly declares: boolean; readonly value: Pipeline }
  | { readonly kind: 'if' | 'with'; readonly value: Pipeline; readonly body: Node[]; otherwise: Node[] }
  | {
      readonly kind: 'range';
      readonly names: readonly string[];
      readonly value: Pipeline;
      readonly body: Node[];
      otherwise: Node[];
    };

/** Each command's result is the last argument of the next. */
export type Pipeline = readonly Command[];
export type Command = readonly Operand[];
export type Operand =
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'function'; readonly name: string }
  /** `root`: a variable's name with its $, `.`, or a pipeline in parentheses; then fields of it. */
  | { readonly kind: 'path'; readonly root: string | Pipeline; readonly fields: readonly string[] };

export interface Template {
  readonly body: Node[];
  readonly defined: ReadonlyMap<string, Node[]>;
}

const ACTION = /\{\{(-\s)?\s*([\s\S]*?)\s*(\s-)?\}\}/g;
const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*")|(\d+(?![\w.]))|(\$\w*(?:\.\w+)*)|((?:\.\w+)+|\.(?!\w))|(:=|[|(),=])|(\w+))/y;

export function parseTemplate(source: string): Template {
  const defined = new Map<string, Node[]>();
  const body: Node[] = [];
  // The innermost last: where nodes go, and the node whose `else` may follow.
  const open: { into: Node[]; node?: Extract<Node, { otherwise: Node[] }> }[] = [{ into: body }];
  const top = () => open.at(-1) as (typeof open)[number];
  for (const part of split(source)) {
    if (typeof part === 'string') {
      if (part !== '') top().into.push({ kind: 'text', text: part });
      continue;
    }
    const { action } = part;
    const [, word = '', rest = ''] =
      /^(if|with|range|else if|else|end|define)\b\s*([\s\S]*)$/.exec(action) ?? [];
    if (word === 'define') {
      const nodes: Node[] = [];
      defined.set(String(JSON.parse(rest)), nodes);
      open.push({ into: nodes });
    } else if (word === 'if' || word === 'with') {
      const node = { kind: word, value: parsePipeline(rest), body: [], otherwise: [] } satisfies Node;
      top().into.push(node);
      open.push({ into: node.body, node });
    } else if (word === 'range') {
      const [, names = '', value = rest] = /^((?:\$\w+,\s*)?\$\w+)\s*:=\s*([\s\S]*)$/.exec(rest) ?? [];
      const list = names === '' ? [] : names.split(/,\s*/);
      const node: Extract<Node, { kind: 'range' }> = {
        kind: 'range',
        names: list,
        value: parsePipeline(value),
        body: [],
        otherwise: [],
      };
      top().into.push(node);
      open.push({ into: node.body, node });
    } else if (word === 'else' || word === 'else if') {
      const frame = top();
      if (frame.node === undefined) throw new Error(`{{ ${action} }} belongs to nothing`);
      frame.into = frame.node.otherwise;
      if (word === 'else if') {
        const node = { kind: 'if', value: parsePipeline(rest), body: [], otherwise: [] } satisfies Node;
        frame.into.push(node);
        frame.node = node;
        frame.into = node.body;
      }
    } else if (word === 'end') {
      open.pop();
      if (open.length === 0) throw new Error('an {{ end }} too many');
    } else top().into.push(parseStatement(action));
  }
  if (open.length !== 1) throw new Error('an {{ end }} is missing');
  return { body, defined };
}

/** Texts and actions in turn, with the white space gone that `{{-` and `-}}` take. */
function* split(source: string): Generator<string | { readonly action: string }> {
  let at = 0;
  let trimsNext = false;
  for (const match of source.matchAll(ACTION)) {
    const [whole, trimsBefore, action = '', trimsAfter] = match;
    let text = source.slice(at, match.index);
    if (trimsNext) text = text.trimStart();
    if (trimsBefore !== undefined) text = text.trimEnd();
    yield text;
    if (!action.startsWith('/*')) yield { action };
    at = match.index + whole.length;
    trimsNext = trimsAfter !== undefined;
  }
  yield trimsNext ? source.slice(at).trimStart() : source.slice(at);
}

function parseStatement(action: string): Node {
  const assigned = /^(\$\w+)\s*(:=|=)\s*([\s\S]*)$/.exec(action);
  if (assigned === null) return { kind: 'output', value: parsePipeline(action) };
  const [, name = '', how, value = ''] = assigned;
  return { kind: 'assign', name, declares: how === ':=', value: parsePipeline(value) };
}

function parsePipeline(text: string): Pipeline {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim() !== '') {
    const from = TOKEN.lastIndex;
    const token = TOKEN.exec(text);
    if (token === null) throw new Error(`can't read ${JSON.stringify(text.slice(from))} in {{ ${text} }}`);
    tokens.push(token[0].trim());
  }
  const pipeline = takePipeline(tokens);
  if (tokens.length > 0) throw new Error(`${tokens.join(' ')} is left over in {{ ${text} }}`);
  return pipeline;
}

function takePipeline(tokens: string[]): Pipeline {
  const commands: Command[] = [];
  do {
    if (commands.length > 0) tokens.shift();
    const operands: Operand[] = [];
    while (tokens.length > 0 && tokens[0] !== '|' && tokens[0] !== ')') operands.push(takeOperand(tokens));
    if (operands.length === 0) throw new Error('an empty command');
    commands.push(operands);
  } while (tokens[0] === '|');
  return commands;
}

function takeOperand(tokens: string[]): Operand {
  const token = tokens.shift() as string;
  if (token === '(') {
    const root = takePipeline(tokens);
    if (tokens.shift() !== ')') throw new Error('a ) is missing');
    const fields = /^\.\w/.test(tokens[0] ?? '') ? fieldsOf(tokens.shift() as string) : [];
    return { kind: 'path', root, fields };
  }
  if (token.startsWith('"')) return { kind: 'literal', value: String(JSON.parse(token)) };
  if (/^\d+$/.test(token)) return { kind: 'literal', value: Number(token) };
  if (token === 'true' || token === 'false') return { kind: 'literal', value: token === 'true' };
  if (token.startsWith('.')) return { kind: 'path', root: '.', fields: fieldsOf(token) };
  if (token.startsWith('$')) {
    const [root = '', ...fields] = token.split('.');
    return { kind: 'path', root, fields };
  }
  if (/^\w+$/.test(token)) return { kind: 'function', name: token };
  throw new Error(`${token} is not expected here`);
}

function fieldsOf(path: string): string[] {
  return path.split('.').filter((field) => field !== '');
}
