import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

// Which room may import which. ARCHITECTURE.md says why.
const doors: Record<string, readonly string[]> = {
  lib: [],
  protocol: [],
  client: ['protocol', 'lib'],
  terminal: ['protocol', 'lib'],
  store: ['protocol', 'lib'],
  agents: ['terminal', 'protocol', 'lib'],
  chats: ['store', 'agents/agent.ts', 'agents/agent-backend.ts', 'terminal/agent-terminal.ts', 'protocol', 'lib'],
  peers: ['store', 'client/feed-stream.ts', 'protocol', 'lib'],
  backup: ['store', 'protocol', 'lib'],
  people: ['store', 'protocol', 'lib'],
  http: ['chats', 'peers', 'people', 'protocol', 'lib'],
  demo: ['lib'],
  cli: ['client', 'agents/claude/native-sessions', 'terminal/draw-lines.ts', 'protocol', 'root'],
  web: ['client', 'protocol'],
  // The files directly in src: the composition root and what it needs to read settings.
  root: ['store', 'agents', 'terminal', 'chats', 'peers', 'people', 'backup', 'http', 'demo', 'lib', 'protocol'],
};

const src = join(import.meta.dirname, '..', 'src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
  (file) => /\.tsx?$/.test(file) && !file.endsWith('.test.ts'),
);
const roomOf = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : 'root');
const importsOf = (file: string): string[] =>
  [...readFileSync(join(src, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
    relative(src, join(src, dirname(file), match[1] ?? '')),
  );

test('every room has its doors, and every file is in a room', () => {
  expect([...new Set(files.map(roomOf))].toSorted()).toEqual(Object.keys(doors).toSorted());
});

describe.each(Object.entries(doors))('%s', (room, allowed) => {
  test('imports only what its doors allow', () => {
    const wrong = files
      .filter((file) => roomOf(file) === room)
      .flatMap((file) => importsOf(file).map((target) => ({ file, target })))
      .filter(({ target }) => roomOf(target) !== room)
      .filter(({ target }) => ![roomOf(target), target, dirname(target)].some((each) => allowed.includes(each)));
    expect(wrong).toEqual([]);
  });
});

test('of the agent’s modules, only the one that declares it imports its two backends', () => {
  const wrong = files.flatMap((file) => {
    const own = /^agents\/(claude(?:-sdk|-pty)?)\//.exec(file)?.[1];
    if (own === undefined) return [];
    if (file === 'agents/claude/claude-agent.ts') return [];
    const others = ['claude-sdk', 'claude-pty'].filter((folder) => folder !== own);
    return importsOf(file)
      .filter((target) => others.some((folder) => target.startsWith(`agents/${folder}/`)))
      .map((target) => ({ file, target }));
  });
  expect(wrong).toEqual([]);
});

// `config.ts` for the environment of its processes, `session-store.ts` for embedders of its SDK.
const knowsClaude = ['agents/agents.ts', 'config.ts', 'session-store.ts'];

test('nothing but the list of agents knows that an agent is Claude', () => {
  const wrong = files
    .filter((file) => !file.startsWith('agents/claude') && !knowsClaude.includes(file))
    .flatMap((file) => importsOf(file).map((target) => ({ file, target })))
    .filter(({ target }) => target.startsWith('agents/claude'))
    // `adopt` and `export` work on the sessions that the program keeps on this machine.
    .filter(({ file, target }) => !(file.startsWith('cli/') && dirname(target) === 'agents/claude/native-sessions'));
  expect(wrong).toEqual([]);
});

test.each([
  ['@anthropic-ai/', /^agents\/claude/],
  ['react', /^web\//],
  ['postgres', /^store\//],
])('%s is imported in its own room only', (name, room) => {
  const importsIt = new RegExp(`(?:from|import)\\s*\\(?\\s*'${name.endsWith('/') ? name : `${name}(?:-dom)?['/]`}`);
  const importers = files.filter((file) => importsIt.test(readFileSync(join(src, file), 'utf8')));
  expect(importers.filter((file) => !room.test(file))).toEqual([]);
  expect(importers).not.toEqual([]);
});

// What each folder of the web app may import of the others. Only ui draws: text and state run without React.
const webFolders: Record<string, readonly string[]> = {
  text: [],
  state: ['text'],
  terminal: ['state'],
  ui: ['text', 'state', 'terminal'],
};

test('the folders of the web app import in one direction', () => {
  const folderOf = (file: string): string | undefined => /^web\/([^/]+)\//.exec(file)?.[1];
  const found = files.map(folderOf).filter((folder) => folder !== undefined);
  expect([...new Set(found)].toSorted()).toEqual(Object.keys(webFolders).toSorted());
  const wrong = files.flatMap((file) => {
    const folder = folderOf(file);
    if (folder === undefined) return [];
    return importsOf(file)
      .filter((target) => roomOf(target) === 'web' && folderOf(target) !== folder)
      .filter((target) => !webFolders[folder]?.includes(folderOf(target) ?? ''))
      .map((target) => ({ file, target }));
  });
  expect(wrong).toEqual([]);
});

test('in the web app, only ui, app.tsx and main.tsx import React', () => {
  const users = files.filter((file) => /^web\/(?!ui\/|app\.tsx$|main\.tsx$)/.test(file));
  expect(users.length).toBeGreaterThan(5);
  expect(
    users.filter((file) => /(?:from|import)\s*\(?\s*'(?:react|@base-ui)/.test(readFileSync(join(src, file), 'utf8'))),
  ).toEqual([]);
});

test.each(['client/client.ts', 'web/main.tsx'])('%s does not load the validator', (entry) => {
  const seen = new Set<string>();
  const walk = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, target] of readFileSync(join(src, file), 'utf8').matchAll(
      /^(?:import|export) (?!type\b)[^;]*?from '(\.[^']+)'/gms,
    ))
      walk(relative(src, join(src, dirname(file), target ?? '')));
  };
  walk(entry);
  expect([...seen].filter((file) => /^import .*from 'zod'/m.test(readFileSync(join(src, file), 'utf8')))).toEqual([]);
  expect(seen.size).toBeGreaterThan(5);
});

test('there are no import cycles', () => {
  const rings: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) rings.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (path.includes(file) || done.has(file)) return;
    for (const target of importsOf(file)) walk(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
  expect(rings).toEqual([]);
});

test('every statement names the schema of its tables', () => {
  const tables =
    'hosts|chats|events|prompts|turns|decisions|agent_sessions|directory_trusts|claude_session_entries|claude_session_summaries|search_signatures|search_progress';
  const bare = new RegExp(`\\b(?:from|join|into|update|table)\\s+(?:${tables})\\b`);
  const wrong = files
    .filter((file) => file.startsWith('store/'))
    .flatMap((file) =>
      [...readFileSync(join(src, file), 'utf8').matchAll(/`(?:\\.|[^`\\])*`/gs)]
        .map(([text]) => bare.exec(text)?.[0])
        .filter((found) => found !== undefined)
        .map((found) => `${file}: ${found}`),
    );
  expect(wrong).toEqual([]);
});

test('only config.ts, and the programs themselves, read the environment', () => {
  // Not settings of BooCode: SSL_CERT_FILE names the certificates that the machine trusts, and PGTARGETSESSIONATTRS is kept
  // from the driver.
  const allowed = /^(config\.ts|cli\/|lib\/process-identity\.ts|store\/database(-tls)?\.ts)/;
  const readers = files.filter((file) => /process\.env\b/.test(readFileSync(join(src, file), 'utf8')));
  expect(readers.filter((file) => !allowed.test(file))).toEqual([]);
});

test('code for browsers uses nothing of Node', () => {
  const inBrowsers = files.filter((file) => roomOf(file) === 'web' || roomOf(file) === 'protocol');
  const nodeOnly = /(?:from|import)\s*\(?\s*'node:|\bprocess\.|\bBuffer\b/;
  expect(inBrowsers.filter((file) => nodeOnly.test(readFileSync(join(src, file), 'utf8')))).toEqual([]);
});

// A repository's own configuration decides what git runs, and no single switch turns all of that off.
test('TRUST-1: only one module starts git, and asks it for nothing that runs what a repository configures', () => {
  const startsGit =
    /\b(?:spawn|exec|fork|withDeathSignal|ownedCommand|openPseudoTerminal|openAgentTerminal)\w*\(\s*['"`](?:[^'"`]*\/)?git\b/;
  expect(startsGit.test("await execFile('git', ['status'])")).toBe(true);
  // What it starts git with is a program of its own, in JavaScript.
  const programs = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'));
  expect([...files, ...programs].filter((file) => startsGit.test(readFileSync(join(src, file), 'utf8')))).toEqual([
    'chats/workspaces/git-helper.js',
  ]);
  const usesHelper = (file: string): boolean => readFileSync(join(src, file), 'utf8').includes('git-helper');
  expect(files.filter(usesHelper)).toEqual(['chats/workspaces/git-runner.ts']);
  expect(files.filter((file) => importsOf(file).includes('chats/workspaces/git-runner.ts'))).toEqual([
    'chats/workspaces/git.ts',
  ]);
});
