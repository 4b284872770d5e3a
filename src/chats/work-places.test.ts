import { chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { git, initRepository } from '../../test/support/git-repository.ts';
import { listDirectories } from './directories.ts';
import { Repositories } from './changes/repository.ts';
import { gitEnvironment } from './workspaces/git.ts';
import { realPathOf, WorkPlaces, type WorkPlacesOptions } from './work-places.ts';

let top: string;
let home: string;
beforeAll(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-places-')));
  home = join(top, 'home/ann');
  const names = ['project/deep', '.ssh/keys', '.claude/skills', '.config/gcloud', '.config/editor', 'data/postgres'];
  for (const name of names) mkdirSync(join(home, name), { recursive: true });
  for (const name of ['home/bob/work', 'home/shared', 'srv/one/a', 'srv/one-more', 'srv/two', 'program'])
    mkdirSync(join(top, name), { recursive: true });
  symlinkSync(join(home, '.ssh'), join(home, 'project/link'));
  symlinkSync(join(home, 'project'), join(top, 'srv/one/out'));
  symlinkSync(join(home, 'project/nothing/there'), join(top, 'srv/one/dangling'));
  symlinkSync(join(top, 'srv/one/a'), join(top, 'srv/inside'));
});
afterAll(() => rmSync(top, { recursive: true }));

const isRoot = process.getuid?.() === 0;
const placesOf = (more: Partial<WorkPlacesOptions> = {}): WorkPlaces =>
  new WorkPlaces({
    dataDir: join(home, 'data'),
    programs: [join(top, 'program')],
    user: { uid: process.getuid?.() ?? 0, homes: [home] },
    homesIn: [join(top, 'home')],
    ...more,
  });
const at = (path: string): string => (path.startsWith('/') ? path : `${top}/${path}`);
const shownIn = async (places: WorkPlaces, prefix: string): Promise<string[]> =>
  (await listDirectories(prefix === '' ? '' : at(prefix), places)).items.map(({ path }) => path.replace(`${top}/`, ''));

describe('ROOT-1: without roots, the server works anywhere but', () => {
  test.each([
    [
      'in the system’s own files',
      '/etc',
      /^cwd: \/etc is a directory which has the system’s own files: choose another/,
    ],
    ['further down in them', '/proc/self', /\/proc\/self lies in \/proc, which has the system’s own files/],
    ['in them, where nothing is yet', '/etc/nothing/here', /lies in \/etc/],
    ['in devices', '/dev', /is a directory which has the system’s/],
    ['in the system’s state', '/sys', /is a directory which has the system’s/],
    ['in keys', 'home/ann/.ssh/keys', /lies in .*\.ssh, which has keys or sign-ins/],
    ['in keys, by a link', 'home/ann/project/link', /project\/link is a directory which has keys/],
    ['in the agent’s own directory', 'home/ann/.claude/skills', /lies in .*\.claude, which has keys or sign-ins/],
    ['in the one that its environment names', 'program', /which has keys or sign-ins/],
    [
      'above keys, which it could read without a question',
      'home/ann/.config',
      /\.config holds .*gcloud, which has keys/,
    ],
    ['in the data directory', 'home/ann/data/new', /lies in the server’s data directory/],
  ])('%s', async (_what, path, message) => {
    const refused = placesOf().assert(at(path));
    await expect(refused).rejects.toMatchObject({ code: 'cwd_invalid', details: { field: 'cwd' } });
    await expect(refused).rejects.toThrow(message);
    // What to do about it.
    await expect(refused).rejects.toThrow(/--workspace-root|--data-dir/);
  });

  test.skipIf(!isRoot)('in another person’s home, and above those', async () => {
    chownSync(join(top, 'home/bob'), 4711, 4711);
    const places = placesOf();
    await expect(places.assert(at('home/bob'))).rejects.toThrow(
      /home\/bob is a directory which is another person’s home/,
    );
    await expect(places.assert(at('home/bob/work'))).rejects.toThrow(
      /lies in .*\/home\/bob, which is another person’s home/,
    );
    const withoutKeys = placesOf({ dataDir: '/nonexistent', user: { uid: 0, homes: [join(top, 'home/carl')] } });
    await expect(withoutKeys.assert(at('home'))).rejects.toThrow(/holds .*\/home\/bob, which is another/);
    expect(await shownIn(places, 'home/')).toEqual(['home/ann', 'home/shared']);
    expect(await shownIn(places, 'home/bob/')).toEqual([]);
    chownSync(join(top, 'home/bob'), 0, 0);
    await places.assert(at('home/bob'));
  });

  test('a user who is not root works in no home of root', async () => {
    const places = placesOf({ user: { uid: 4711, homes: [home] } });
    await expect(places.assert('/root/project')).rejects.toThrow('lies in /root, which is another person’s home');
    await placesOf({ user: { uid: 0, homes: ['/root'] } }).assert('/root/project');
  });

  test.each([
    'home/ann/project/deep',
    'home/ann/.config/editor',
    'home/shared',
    'srv/one/out',
    'srv',
    '/run/media/usb',
  ])('and does work in %s', async (path) => expect(await placesOf().problemOf(at(path))).toBeNull());
});

describe('ROOT-2: with roots, the server works in them only', () => {
  const roots = () => [at('srv/one'), at('srv/two')];

  test.each(['srv/one', 'srv/one/a', 'srv/two/new/dir', 'srv/inside'])('in %s', async (path) =>
    expect(await placesOf({ roots: roots() }).problemOf(at(path))).toBeNull(),
  );

  test.each([
    ['a directory whose name begins like one', 'srv/one-more'],
    ['one that holds them', 'srv'],
    ['one that is left by a link', 'srv/one/out'],
    ['one that is left by a link to nothing', 'srv/one/dangling/x'],
    ['one that is left by dots', 'srv/one/../one-more'],
    ['one that does not exist', 'nowhere'],
    ['a project elsewhere', 'home/ann/project'],
  ])('not in %s, which one sentence says', async (_what, path) => {
    const given = path.includes('..') ? `${top}/${path}` : at(path);
    await expect(placesOf({ roots: roots() }).assert(given)).rejects.toMatchObject({
      code: 'cwd_invalid',
      message: `cwd: ${given} is outside of the directories that this server works in (${roots().join(', ')}): choose one of those, or start the server with --workspace-root for this one as well (BOOCODE_WORKSPACE_ROOTS)`,
    });
  });

  test('a root that is, or is inside, a directory for nobody allows it; one above does not', async () => {
    await placesOf({ roots: ['/etc/nginx'] }).assert('/etc/nginx/sites');
    await expect(placesOf({ roots: ['/'] }).assert('/etc/nginx')).rejects.toThrow('lies in /etc');
    await placesOf({ roots: [at('home/ann/.claude')] }).assert(at('home/ann/.claude/skills'));
    await expect(placesOf({ roots: [home] }).assert(at('home/ann/.ssh'))).rejects.toThrow('which has keys');
    await placesOf({ roots: [at('home')], dataDir: '/nonexistent' }).assert(at('home/bob'));
    await expect(placesOf({ roots: [home] }).assert(home)).rejects.toThrow('holds the server’s data directory');
  });

  test('a root that is a link is where it leads, also later', async () => {
    const link = join(top, 'current');
    symlinkSync(at('srv/one'), link);
    const places = placesOf({ roots: [link] });
    await places.assert(at('srv/one/a'));
    rmSync(link);
    symlinkSync(at('srv/two'), link);
    await expect(places.assert(at('srv/one/a'))).rejects.toThrow('is outside of');
    rmSync(link);
  });
});

describe('ROOT-3: completion shows', () => {
  test('without roots, what may be worked in and the way there', async () => {
    const places = placesOf();
    expect(await shownIn(places, 'home/ann/.')).toEqual(['home/ann/.config']);
    expect(await shownIn(places, 'home/ann/.config/')).toEqual(['home/ann/.config/editor']);
    expect(await shownIn(places, 'home/ann/')).toEqual(['home/ann/project']);
    expect(await shownIn(places, 'home/ann/project/')).toEqual(['home/ann/project/deep']);
    const system = await shownIn(places, '/');
    for (const path of ['/proc', '/sys', '/dev', '/etc']) {
      expect(system).not.toContain(path);
      expect(await shownIn(places, `${path}/`)).toEqual([]);
    }
  });

  test('with roots, these, what is in them and what leads to them', async () => {
    const places = placesOf({ roots: [at('srv/one'), at('srv/two')] });
    expect(await shownIn(places, '')).toEqual(['srv/one', 'srv/two']);
    expect(await shownIn(places, 'srv/')).toEqual(['srv/inside', 'srv/one', 'srv/two']);
    expect(await shownIn(places, 'srv/one/')).toEqual(['srv/one/a']);
    for (const path of ['home/', 'home/ann/', 'nothing/', 'srv/one/out/', 'srv/one-more/'])
      expect(await shownIn(places, path)).toEqual([]);
    expect(await shownIn(placesOf({ roots: [at('srv/one')] }), '')).toEqual(['srv/one/a']);
  });
});

test('ROOT-4: with roots, a repository that reaches out of them tells nothing', async () => {
  const inside = join(top, 'srv/two/inside');
  const outside = join(top, 'srv/one-more/outside');
  for (const directory of [inside, outside]) {
    mkdirSync(join(directory, 'sub'), { recursive: true });
    initRepository(directory);
    git(directory, 'commit', '--quiet', '--allow-empty', '-m', 'first');
  }
  const linked = join(top, 'srv/two/linked');
  git(outside, 'worktree', 'add', '--quiet', linked);
  const env = gitEnvironment(process.env);
  const bounded = new Repositories(env, placesOf({ roots: [at('srv/two'), join(outside, 'sub')] }));
  expect((await bounded.find(inside)).top).toBe(inside);
  for (const directory of [join(outside, 'sub'), linked]) {
    await expect(bounded.find(directory)).rejects.toMatchObject({
      code: 'changes_unavailable',
      details: { reason: 'outside_roots' },
    });
    expect(await new Repositories(env, placesOf()).find(directory)).toBeDefined();
  }
});

test('ROOT-2: a path that leads in circles, or is too long, is where its deepest directory is', async () => {
  const loop = join(top, 'srv/one/loop');
  symlinkSync(loop, loop);
  expect(await realPathOf(join(loop, 'x'))).toBe(join(loop, 'x'));
  expect(await realPathOf(join(top, 'srv', 'x'.repeat(300)))).toBe(join(top, 'srv', 'x'.repeat(300)));
});
