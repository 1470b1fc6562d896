import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { it } from 'node:test';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { commandHelp, misused } from '../../support/deploy/command-help.ts';
import { COMPOSE_TEXT, composeFile } from '../../support/deploy/compose.ts';

const { services, volumes } = composeFile();
const ROLES = ['router', 'worker', 'manager'];
const roles = Object.entries(services).filter(([, { command }]) => ROLES.includes(command[0] ?? ''));
/** Where each role's probes are. */
const OPS_PORTS: Readonly<Record<string, number>> = { router: 8080, worker: 8091, manager: 8070 };

it('is 2 routers, 3 workers in zones of their own, 2 managers, Redis and an S3 server', () => {
  const counts = ROLES.map((role) => roles.filter(([, { command }]) => command[0] === role).length);
  assert.deepEqual(counts, [2, 3, 2]);
  const zones = roles.flatMap(([, { environment }]) => environment?.['SHOAL_ZONE'] ?? []);
  assert.equal(new Set(zones).size, 3);
  assert.ok(services['redis']?.command.join(' ').includes('--appendonly yes'));
  assert.ok(services['s3'] !== undefined);
});

it('gives commands only flags and environment that they take', async () => {
  for (const [name, { command, environment = {} }] of roles) {
    const [role = '', ...args] = command;
    assert.deepEqual(misused(await commandHelp(role), args, Object.keys(environment)), [], name);
  }
});

it('announces addresses that the others reach', () => {
  for (const [name, { hostname, command, environment }] of roles) {
    assert.equal(hostname, name);
    const advertised = environment?.['SHOAL_ADVERTISE'];
    const port = { worker: 8090, manager: 8070 }[command[0] ?? ''];
    assert.equal(advertised, port === undefined ? undefined : `http://${name}:${port}`);
  }
});

it('asks each role for its readiness, and runs it read-only, without capabilities', () => {
  for (const [name, { command, healthcheck, read_only, cap_drop, tmpfs, volumes: mounts = [] }] of roles) {
    const [, port, path] = /http:\/\/127\.0\.0\.1:(\d+)(\/\w+)/.exec(healthcheck?.test.join(' ') ?? '') ?? [];
    assert.deepEqual([Number(port), path], [OPS_PORTS[command[0] ?? ''], '/readyz'], name);
    assert.equal(read_only, true);
    assert.deepEqual(cap_drop, ['ALL']);
    assert.ok(tmpfs?.some((mount) => mount.startsWith('/tmp')));
    const data = command[command.indexOf('--data') + 1];
    if (command.includes('--data'))
      assert.ok(
        mounts.some((mount) => mount.endsWith(`:${data}`)),
        name,
      );
  }
});

it('gives processes the time that they need to leave and to drain', () => {
  const needs = (DEFAULT_LIMITS.leaveMs + 2 * DEFAULT_LIMITS.drainMs) / 1_000;
  for (const [, { stop_grace_period }] of roles)
    assert.ok(Number.parseInt(stop_grace_period ?? '0', 10) > needs);
});

it('refers to services, volumes and files that are there', () => {
  for (const [name, service] of Object.entries(services)) {
    for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
      assert.ok(needed in services, `${name} needs ${needed}`);
      if (condition === 'service_healthy') assert.ok(services[needed]?.healthcheck, needed);
    }
    for (const mount of service.volumes ?? []) assert.ok((mount.split(':')[0] ?? '') in volumes, mount);
    const { context, dockerfile } = service.build ?? { context: '..', dockerfile: 'deploy/Dockerfile' };
    assert.ok(existsSync(new URL(`../../../deploy/${context}/${dockerfile}`, import.meta.url)));
  }
});

it('has no secret of its own, and says how to make each that it asks for', () => {
  const usage = COMPOSE_TEXT.split('\nname:')[0] ?? '';
  const asked = new Set([...COMPOSE_TEXT.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name ?? ''));
  assert.deepEqual([...asked].sort(), ['S3_SECRET', 'SHOAL_TOKEN']);
  for (const name of asked) assert.match(usage, new RegExp(`${name}=%s`));
});

it('opens ports on this machine alone', () => {
  for (const { ports = [] } of Object.values(services))
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
});
