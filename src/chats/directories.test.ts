import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listDirectories as listIn } from './directories.ts';
import { WorkPlaces } from './work-places.ts';

let root: string;
beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-directories-')));
  for (const name of ['project-b', 'project-a', '.hidden', 'other', 'odd\nname']) await mkdir(join(root, name));
  await writeFile(join(root, 'project-file'), '');
  await symlink(join(root, 'other'), join(root, 'project-link'));
  await symlink(join(root, 'nowhere'), join(root, 'project-dead'));
  await symlink(join(root, 'project-file'), join(root, 'project-no'));
  await mkdir(join(root, 'many'));
  for (let at = 100; at < 160; at += 1) await mkdir(join(root, 'many', `d${at}`));
});
afterAll(() => rm(root, { recursive: true }));

const places = new WorkPlaces({ dataDir: '/nonexistent' });
const listDirectories = (prefix: string) => listIn(prefix, places);
const names = async (prefix: string): Promise<string[]> =>
  (await listDirectories(prefix)).items.map(({ name }) => name);

test('WEB-7: completes directories by name, including links to directories', async () => {
  expect(await listDirectories(`${root}/pro`)).toEqual({
    items: ['project-a', 'project-b', 'project-link'].map((name) => ({ path: join(root, name), name })),
    truncated: false,
    parent: root,
  });
  expect(await names(`${root}/`)).toEqual(['many', 'odd\nname', 'other', 'project-a', 'project-b', 'project-link']);
});

test('WEB-7: lists hidden directories only when asked for, and at most fifty directories', async () => {
  expect(await names(`${root}/.`)).toEqual(['.hidden']);
  expect(await names(`${root}/.h`)).toEqual(['.hidden']);
  expect(await names(`${root}/many/`)).toHaveLength(50);
  expect((await names(`${root}/many/`)).at(-1)).toBe('d149');
  expect((await listDirectories(`${root}/many/`)).truncated).toBe(true);
  expect((await listDirectories(`${root}/many/d11`)).truncated).toBe(false);
});

test('WEB-7: a name that is too long and links in a circle list nothing', async () => {
  const loop = join(root, 'many', 'loop');
  await symlink(loop, loop);
  expect(await names(loop)).toEqual([]);
  expect(await names(`${loop}/`)).toEqual([]);
  expect(await names(`${root}/${'x'.repeat(300)}/`)).toEqual([]);
  await rm(loop);
  // Anything else is an error: no file system has such a name.
  await expect(listDirectories('/\0/')).rejects.toThrow(TypeError);
});

test('WEB-7: a missing path or a file lists nothing, ".." goes up, and an empty path is the home directory', async () => {
  expect(await listDirectories(`${root}/nowhere/x`)).toEqual({
    items: [],
    truncated: false,
    parent: join(root, 'nowhere'),
  });
  expect(await names(`${root}/project-file/`)).toEqual([]);
  expect((await listDirectories(`${root}/many/../oth`)).items).toEqual([{ path: join(root, 'other'), name: 'other' }]);
  expect((await listDirectories('')).parent).toBe(homedir());
  expect((await listDirectories('~/')).parent).toBe(homedir());
  expect((await listDirectories('~')).parent).toBe(homedir());
  expect((await listDirectories('~/nowhere/x')).parent).toBe(join(homedir(), 'nowhere'));
  expect((await listDirectories('/~/x')).parent).toBe('/~');
  expect((await listDirectories('/')).parent).toBe('/');
  for (const path of ['etc', '~etc', 'etc/~/']) {
    await expect(listDirectories(path)).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'path: must be absolute, or start with ~/',
      details: { field: 'path' },
    });
  }
});
