import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readDirectoryContent } from './directory-content.ts';

let root: string;
let cwd: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-content-')));
  cwd = join(root, 'repo', 'part');
  await mkdir(join(root, 'repo', '.git'), { recursive: true });
  await mkdir(cwd);
});
afterEach(() => rm(root, { recursive: true }));

async function put(path: string, text = '{}'): Promise<void> {
  const file = join(cwd, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}
const read = (): ReturnType<typeof readDirectoryContent> => readDirectoryContent(cwd, join(root, 'config'));
const paths = async (): Promise<string[]> => (await read()).files.map(({ path }) => path);

describe('TRUST-7: what git runs there counts, and is shown:', () => {
  const config = (text: string, file = '../.git/config') => put(file, text);
  const shown = async (): Promise<[string, string | null][]> =>
    (await read()).files.map(({ path, text }) => [path, text] as [string, string | null]);
  const usual = `[core]
\trepositoryformatversion = 0
\tbare = false
[remote "origin"]
\turl = https://example.org/a.git
\tfetch = +refs/heads/*:refs/remotes/origin/*
[branch "main"]
\tremote = origin
`;

  test('nothing of what git writes itself', async () => {
    await config(usual);
    const { digest, isCurrent } = await read();
    expect(await shown()).toEqual([]);
    await config(`${usual}[branch "other"]\n\tmerge = refs/heads/other\n# a remark\n[user]\n\tname = Ann\n`);
    expect(isCurrent()).toBe(true);
    expect((await read()).digest).toBe(digest);
  });

  test.each([
    ['[core]\n\tfsmonitor = ./run\n'],
    ['[CORE]\n\tsshCommand = ./run\n'],
    ['[core] editor = ./run\n'],
    ['[filter "a"]\n\tclean = ./run\n'],
    ['[diff]\n\texternal = ./run\n'],
    ['[alias]\n\tst = !./run\n'],
    ['[credential]\n\thelper = !./run\n'],
    ['[remote "origin"]\n\turl = ext::./run\n'],
    ['[remote "origin"]\n\tuploadpack = ./run\n'],
    ['[protocol "ext"]\n\tallow = always\n'],
    ['[branch "a"]\n\tdescription = on\\\n\tmerge = two\n'],
    ['[branch "a"]\n\tmergeoptions = -s run\n'],
    ['[boocode]\n\tsetup = ./run\n'],
    ['[branch.a]\n\tremote = one\n'],
    ['[branch "a"] [core]\n\tpager = ./run\n'],
    ['[user]\n\tname = Ann\rx\n'],
  ])('%j', async (text) => {
    await config(usual);
    const before = await read();
    await config(`${usual}${text}`);
    expect(before.isCurrent()).toBe(false);
    const after = await read();
    expect(after.digest).not.toBe(before.digest);
    expect(after.files.map(({ path }) => path)).toEqual(['.git/config']);
    const [last] = text.trimEnd().split('\n').slice(-1);
    expect(after.files[0]?.text).toContain(last);
  });

  test('files that it includes, hooks, and where it looks for hooks', async () => {
    await config('[include]\n\tpath = ../more\n[core]\n\thooksPath = part/.husky\n');
    await put('../more', '[alias]\n\tx = !./run\n');
    for (const path of ['../.git/hooks/pre-commit', '../.git/hooks/pre-push.sample', '.husky/commit-msg'])
      await put(path, '#!/bin/sh\n');
    const before = await read();
    for (const path of ['../.git/hooks/pre-commit', '../.git/hooks/pre-push.sample', '.husky/commit-msg'])
      await chmod(join(cwd, path), 0o755);
    expect(await paths()).toEqual([
      '.git/config',
      '.git/hooks/pre-commit',
      join(root, 'repo/more'),
      'part/.husky/commit-msg',
    ]);
    const after = await read();
    await put('../more', '[alias]\n\tx = !./walk\n');
    expect(after.isCurrent()).toBe(false);
    expect((await read()).digest).not.toBe(after.digest);
    expect(after.digest).not.toBe(before.digest);
  });

  test.each(['[include] path = x\n', '[core] [include]\n\tpath = x\n', '[include]\n\tpath = "a\\\\b"\n'])(
    'and what cannot be followed is refused: %j',
    async (text) => {
      await config(text);
      await expect(read()).rejects.toMatchObject({
        code: 'trust_refused',
        message: expect.stringContaining('names what it includes in an unusual way') as string,
      });
    },
  );

  test('a linked working tree has what its repository has, under the same names', async () => {
    await config('[core]\n\tpager = ./run\n');
    await put('../.git/hooks/post-checkout', '#!/bin/sh\n');
    await chmod(join(cwd, '../.git/hooks/post-checkout'), 0o755);
    const there = join(root, 'linked');
    await mkdir(there);
    await mkdir(join(root, 'repo/.git/worktrees/linked'), { recursive: true });
    await writeFile(join(there, '.git'), `gitdir: ${root}/repo/.git/worktrees/linked\n`);
    await writeFile(join(root, 'repo/.git/worktrees/linked/commondir'), '../..\n');
    expect((await readDirectoryContent(there, join(root, 'config'))).files).toEqual((await read()).files);
  });

  test('TRUST-6: a plugin that the settings name counts', async () => {
    await put(
      '.claude/settings.json',
      JSON.stringify({ extraKnownMarketplaces: { own: { source: { source: 'directory', path: './market' } } } }),
    );
    await put('market/.claude-plugin/marketplace.json');
    await put('market/one/hooks/hooks.json');
    expect(await paths()).toEqual([
      '.claude/settings.json',
      'market/.claude-plugin/marketplace.json',
      'market/one/hooks/hooks.json',
    ]);
    await put(
      '.claude/settings.json',
      JSON.stringify({ extraKnownMarketplaces: { own: { source: { source: 'directory', path: './' } } } }),
    );
    await put('.claude-plugin/marketplace.json', JSON.stringify({ plugins: [{ source: './market/one' }] }));
    await put('skills/a/SKILL.md', 'now: !`date`');
    expect(await paths()).toEqual([
      '.claude-plugin/marketplace.json',
      '.claude/settings.json',
      'market/one/hooks/hooks.json',
      'skills/a/SKILL.md',
    ]);
  });
});

describe('content that counts', () => {
  test('TRUST-6: settings, servers, commands, agents, skills and hooks, up to the root of the repository', async () => {
    const counted = [
      '../.claude/skills/a/SKILL.md',
      '../.mcp.json',
      '.claude/agents/a.md',
      '.claude/commands/deep/a.md',
      '.claude/hooks/a.sh',
      '.claude/run.sh',
      '.claude/settings.json',
      '.claude/settings.local.json',
      '.mcp.json',
    ];
    const others = [
      'CLAUDE.md',
      '.claude/CLAUDE.md',
      '.claude/notes.json',
      '.claude/logs/a.txt',
      '.claude/worktrees/a/a.md',
      '.claude/agent-memory/a.md',
      '../../.claude/settings.json',
      'src/a.ts',
    ];
    for (const path of [...counted, ...others]) await put(path);
    expect(await paths()).toEqual(counted.toSorted());
  });

  test('TRUST-6: a script in the directory that a setting names, but not a file that it writes to', async () => {
    const command = '"$CLAUDE_PROJECT_DIR"/scripts/check.sh --fix && ./tool >> ran.log';
    await put(
      '.claude/settings.json',
      JSON.stringify({ hooks: { Stop: [{ hooks: [{ type: 'command', command }] }] } }),
    );
    await put('.mcp.json', JSON.stringify({ mcpServers: { a: { command: 'node', args: ['server/main.js'] } } }));
    for (const path of ['scripts/check.sh', 'tool', 'ran.log', 'server/main.js', 'server/other.js']) await put(path);
    await chmod(join(cwd, 'tool'), 0o755);
    expect(await paths()).toEqual(['.claude/settings.json', '.mcp.json', 'scripts/check.sh', 'server/main.js', 'tool']);
  });

  test('TRUST-6: any file that a command or an interpreter runs, whatever its name', async () => {
    const command = 'sh ./run; bash -e hook && sh "$CLAUDE_PROJECT_DIR"/tools/x.fish > notes';
    await put(
      '.claude/settings.json',
      JSON.stringify({ hooks: { Stop: [{ hooks: [{ type: 'command', command }] }] } }),
    );
    await put(
      '.mcp.json',
      JSON.stringify({ mcpServers: { a: { command: 'node', args: ['--no-warnings', 'serve'] } } }),
    );
    for (const path of ['run', 'hook', 'tools/x.fish', 'serve', 'notes']) await put(path);
    expect(await paths()).toEqual(['.claude/settings.json', '.mcp.json', 'hook', 'run', 'serve', 'tools/x.fish']);
  });

  test('TRUST-6: the digest changes with a file’s name, its content, and a link’s target', async () => {
    await put('.claude/commands/a.md', 'one');
    const { digest, isCurrent } = await read();
    expect((await read()).digest).toBe(digest);
    expect(isCurrent()).toBe(true);
    await put('.claude/commands/a.md', 'two');
    expect(isCurrent()).toBe(false);
    expect((await read()).digest).not.toBe(digest);
    await put('.claude/commands/a.md', 'one');
    expect((await read()).digest).toBe(digest);
    await put('elsewhere/b.md', 'one');
    await symlink(join(cwd, 'elsewhere'), join(cwd, '.claude', 'skills'));
    const linked = await read();
    expect(linked.digest).not.toBe(digest);
    await put('elsewhere/b.md', 'two');
    expect(linked.isCurrent()).toBe(false);
    expect((await read()).digest).not.toBe(linked.digest);
  });

  test('TRUST-6: a new file is a change', async () => {
    const { isCurrent } = await read();
    await put('.mcp.json');
    expect(isCurrent()).toBe(false);
  });
});

describe('content that cannot be reviewed completely is not trusted', () => {
  test.each([
    ['settings that are no JSON', '.claude/settings.json', '{"env": {}, // a comment\n}'],
    ['settings that are too long', '.claude/settings.local.json', JSON.stringify({ a: 'x'.repeat(70_000) })],
    ['a file that is too large', '.claude/skills/a/large', 'x'.repeat(5 * 1024 * 1024)],
  ])('TRUST-6: %s', async (_name, path, text) => {
    await put(path, text);
    await expect(read()).rejects.toMatchObject({ code: 'trust_refused' });
  });

  test('TRUST-6: a circular link', async () => {
    await put('.claude/skills/a.md');
    await symlink(join(cwd, '.claude', 'skills'), join(cwd, '.claude', 'skills', 'again'));
    await expect(read()).rejects.toMatchObject({ code: 'trust_refused' });
  });

  test('TRUST-6: a long text counts, but is not shown', async () => {
    await put('.claude/skills/a.md', 'x'.repeat(70_000));
    expect((await read()).files).toMatchObject([{ path: '.claude/skills/a.md', text: null }]);
  });
});
