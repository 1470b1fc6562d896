import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Copy, DockerfileParser, type From, type Instruction } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';

const ROOT = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');
const source = read('deploy/Dockerfile');
const instructions = DockerfileParser.parse(source).getInstructions();
const of = <T extends Instruction>(keyword: string): T[] =>
  instructions.filter((instruction) => instruction.getKeyword() === keyword) as T[];
/** Those of the stage that becomes the image. */
const last = instructions.slice(instructions.findLastIndex((each) => each.getKeyword() === 'FROM'));
const argumentsOf = (keyword: string, among = instructions): string[] =>
  among.filter((each) => each.getKeyword() === keyword).map((each) => each.getArgumentsContent() ?? '');
const packageJson = JSON.parse(read('package.json')) as {
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly dependencies: Record<string, string>;
};

it('is a Dockerfile that its linter has nothing to say about', () => {
  assert.deepEqual(validate(source), []);
});

it('builds in a stage of its own, on a Node that Shoal runs on', () => {
  const stages = of<From>('FROM');
  assert.equal(stages.length, 2);
  const least = Number(/\d+/.exec(packageJson.engines.node)?.[0]);
  for (const stage of stages) {
    assert.equal(stage.getImageName(), 'node');
    assert.ok(Number.parseInt(stage.getImageTag() ?? '', 10) >= least);
  }
  assert.match(argumentsOf('RUN').join('\n'), /npm ci --omit=dev/);
});

it('runs as a user that is not root, by number', () => {
  const [user = '', ...more] = argumentsOf('USER', last);
  assert.deepEqual(more, []);
  assert.match(user, /^[1-9]\d*:[1-9]\d*$/);
});

it('copies files that exist and that the context has, and nothing else is in the context', () => {
  const sources = of<Copy>('COPY').flatMap((copy) => {
    const words = copy.getArguments().map((argument) => argument.getValue());
    return copy.getFlags().some((flag) => flag.getName() === 'from') ? [] : words.slice(0, -1);
  });
  const [first, ...kept] = read('deploy/Dockerfile.dockerignore')
    .split('\n')
    .filter((line) => /^[^#\s]/.test(line));
  assert.equal(first, '*');
  assert.deepEqual(sources.sort(), kept.map((line) => line.replace(/^!/, '')).sort());
  for (const path of sources) assert.ok(existsSync(new URL(path, ROOT)), path);
});

it('has all that the commands import', () => {
  const files = globSync('{src,sim}/**/*.ts', { cwd: fileURLToPath(ROOT) });
  assert.ok(files.length > 100);
  for (const file of files) {
    for (const [, name = ''] of read(file).matchAll(/\b(?:from |import\(|^import )'([^'.\n][^'\n]*)'/gm)) {
      if (name.startsWith('node:')) continue;
      const owner = name.split('/', name.startsWith('@') ? 2 : 1).join('/');
      assert.ok(owner in packageJson.dependencies, `${file} imports ${name}`);
    }
    for (const [, path = ''] of read(file).matchAll(/from '(\.[^']+)'/g)) {
      const target = new URL(path, new URL(file, ROOT)).href.slice(ROOT.href.length);
      assert.match(target, /^(src\/|sim\/|package\.json$)/, file);
    }
  }
});

it('has the locale that text pipelines need', () => {
  const env = argumentsOf('ENV', last).join(' ');
  assert.match(env, /\bLANG=en_US\.UTF-8\b/);
  assert.match(env, /\bLC_ALL=en_US\.UTF-8\b/);
  assert.match(argumentsOf('RUN').join('\n'), /localedef -i en_US -f UTF-8 en_US\.UTF-8/);
  assert.match(argumentsOf('COPY', last).join('\n'), /^\/usr\/lib\/locale\/locale-archive /);
});

it('starts the command, and is the version that compose.yaml and the chart name', () => {
  const [entrypoint = ''] = argumentsOf('ENTRYPOINT', last);
  const main = (JSON.parse(entrypoint) as string[]).at(-1) ?? '';
  assert.ok(existsSync(new URL(main.replace(/^\/app\//, ''), ROOT)));
  assert.ok(read('deploy/compose.yaml').includes(`image: shoal:${packageJson.version}`));
  assert.match(read('deploy/helm/Chart.yaml'), new RegExp(`^appVersion: ${packageJson.version}$`, 'm'));
});
