import { FUNCTIONS, isEmpty, mapOf, print, type Value } from './functions.ts';
import type { Command, Node, Operand, Pipeline } from './parse.ts';

/** Variables of one block, and the block around it. */
class Scope {
  readonly #variables = new Map<string, Value>();
  readonly #around: Scope | undefined;

  constructor(around?: Scope) {
    this.#around = around;
  }

  declare(name: string, value: Value): this {
    this.#variables.set(name, value);
    return this;
  }

  set(name: string, value: Value): void {
    if (this.#variables.has(name)) this.#variables.set(name, value);
    else if (this.#around === undefined) throw new Error(`${name} is not declared`);
    else this.#around.set(name, value);
  }

  get(name: string): Value {
    const value = this.#variables.get(name);
    if (value !== undefined) return value;
    if (this.#around === undefined) throw new Error(`${name} is not declared`);
    return this.#around.get(name);
  }
}

/**
 * Runs parsed templates. Stricter than Go: a field that isn't there is an error instead of `<no value>`, so that
 * every value has its line in values.yaml.
 */
export class TemplateRun {
  readonly #defined: ReadonlyMap<string, Node[]>;
  /** `.Files.Get` */
  readonly #file: (name: string) => string;

  constructor(defined: ReadonlyMap<string, Node[]>, file: (name: string) => string) {
    this.#defined = defined;
    this.#file = file;
  }

  text(nodes: readonly Node[], dot: Value): string {
    return this.#block(nodes, dot, new Scope().declare('$', dot));
  }

  #block(nodes: readonly Node[], dot: Value, around: Scope): string {
    const scope = new Scope(around);
    return nodes.map((node) => this.#node(node, dot, scope)).join('');
  }

  #node(node: Node, dot: Value, scope: Scope): string {
    if (node.kind === 'text') return node.text;
    const value = this.#pipeline(node.value, dot, scope);
    switch (node.kind) {
      case 'output':
        return print(value);
      case 'assign':
        if (node.declares) scope.declare(node.name, value);
        else scope.set(node.name, value);
        return '';
      case 'range':
        return this.#range(node, value, dot, scope);
      default:
        if (isEmpty(value)) return this.#block(node.otherwise, dot, scope);
        return this.#block(node.body, node.kind === 'with' ? value : dot, scope);
    }
  }

  #range(node: Extract<Node, { kind: 'range' }>, value: Value, dot: Value, scope: Scope): string {
    const entries: [Value, Value][] = Array.isArray(value)
      ? [...value.entries()]
      : Object.entries(mapOf(value)).sort(([a], [b]) => (a < b ? -1 : 1));
    if (entries.length === 0) return this.#block(node.otherwise, dot, scope);
    const texts = entries.map(([key, item]) => {
      const inner = new Scope(scope);
      const [first, second] = node.names;
      if (first !== undefined) inner.declare(first, second === undefined ? item : key);
      if (second !== undefined) inner.declare(second, item);
      return this.#block(node.body, item, inner);
    });
    return texts.join('');
  }

  #pipeline(pipeline: Pipeline, dot: Value, scope: Scope): Value {
    let value: Value | undefined;
    for (const command of pipeline) value = this.#command(command, value, dot, scope);
    return value ?? null;
  }

  #command(command: Command, piped: Value | undefined, dot: Value, scope: Scope): Value {
    const [head, ...rest] = command as [Operand, ...Operand[]];
    const args = rest.map((operand) => this.#operand(operand, dot, scope));
    if (piped !== undefined) args.push(piped);
    if (head.kind === 'path' && head.fields.join('.') === 'Files.Get')
      return this.#file(print(args[0] ?? null));
    if (head.kind !== 'function') {
      if (args.length > 0) throw new Error('only functions take arguments');
      return this.#operand(head, dot, scope);
    }
    if (head.name === 'include') return this.#include(print(args[0] ?? null), args[1] ?? null);
    const run = FUNCTIONS[head.name];
    if (run === undefined) throw new Error(`the function ${head.name} is beyond what the chart may use`);
    return run(...args);
  }

  #include(name: string, dot: Value): Value {
    const nodes = this.#defined.get(name);
    if (nodes === undefined) throw new Error(`no template ${name} is defined`);
    return this.text(nodes, dot);
  }

  #operand(operand: Operand, dot: Value, scope: Scope): Value {
    if (operand.kind === 'literal') return operand.value;
    if (operand.kind === 'function') return this.#command([operand], undefined, dot, scope);
    const { root, fields } = operand;
    let value =
      typeof root === 'string' ? (root === '.' ? dot : scope.get(root)) : this.#pipeline(root, dot, scope);
    for (const field of fields) {
      const next = mapOf(value)[field];
      if (next === undefined) throw new Error(`there is no .${fields.join('.')} (${field})`);
      value = next;
    }
    return value;
  }
}
