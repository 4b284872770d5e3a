import type { PermissionUpdate } from '@anthropic-ai/claude-agent-sdk';
import { describe, expect, it } from 'vitest';
import { alwaysScope, heldHereToo } from './always-scope.ts';

const allow = (toolName: string, ruleContent?: string): PermissionUpdate => ({
  type: 'addRules',
  rules: [{ toolName, ...(ruleContent === undefined ? {} : { ruleContent }) }],
  behavior: 'allow',
  destination: 'session',
});
const words = (update: PermissionUpdate): string[] => alwaysScope([update]);
const untilRest = 'in this chat until its agent stops';

describe('DECIDE-6: the scope of “always allow”', () => {
  it.each([
    [allow('Bash', 'mkdir -p x'), `Allow the command “mkdir -p x”, ${untilRest}.`],
    [allow('Bash', 'npm run *'), `Allow every command like “npm run *”, ${untilRest}.`],
    [allow('Bash', 'git diff:*'), `Allow every command that starts with “git diff”, ${untilRest}.`],
    [allow('Read', '//etc/app/**'), `Allow Read of everything in “/etc/app”, ${untilRest}.`],
    [allow('Read', 'notes.txt'), `Allow Read of “notes.txt”, ${untilRest}.`],
    [allow('WebFetch', 'domain:example.com'), `Allow WebFetch from “example.com”, ${untilRest}.`],
    [allow('WebSearch'), `Allow every call of WebSearch, ${untilRest}.`],
  ])('says which calls a rule covers: %j', (update, expected) => {
    expect(words(update)).toEqual([expected]);
  });

  it('says where a rule is stored, and so where it applies', () => {
    const kept = (['session', 'localSettings', 'projectSettings', 'userSettings'] as const).map(
      (destination) => words({ ...allow('WebSearch'), destination } as PermissionUpdate)[0],
    );
    expect(kept).toEqual([
      `Allow every call of WebSearch, ${untilRest}.`,
      `Allow every call of WebSearch, ${untilRest}, and in all chats that trust this directory (.claude/settings.local.json).`,
      `Allow every call of WebSearch, ${untilRest}, and for everyone who trusts this directory (.claude/settings.json).`,
      'Allow every call of WebSearch, in all your chats, in any directory (~/.claude/settings.json).',
    ]);
  });

  it('lists every change', () => {
    expect(
      alwaysScope([
        allow('Bash', 'mkdir x'),
        { type: 'addDirectories', directories: ['/a', '/b'], destination: 'session' },
        { type: 'setMode', mode: 'acceptEdits', destination: 'session' },
      ]),
    ).toEqual([
      `Allow the command “mkdir x”, ${untilRest}.`,
      `Work in “/a” too, ${untilRest}.`,
      `Work in “/b” too, ${untilRest}.`,
      'Allow all file edits, and commands that create, move, copy or remove files in the directory, in this chat until its permission mode is changed.',
    ]);
  });

  it('shows unknown updates, and tolerates malformed ones', () => {
    const strange = { type: 'brandNew', power: 'all', destination: 'elsewhere' } as unknown as PermissionUpdate;
    expect(words(strange)).toEqual([
      'Make a change that BooCode does not know, {"type":"brandNew","power":"all","destination":"elsewhere"}, stored in “elsewhere”.',
    ]);
    const empty = { type: 'addRules', behavior: 'allow', destination: 'session' } as unknown as PermissionUpdate;
    expect(words(empty)).toEqual([]);
    expect(alwaysScope([])).toEqual([]);
  });
});

it('DECIDE-6: a rule in a directory’s settings is added to the session too, and nothing else is', () => {
  const kept: PermissionUpdate = { ...allow('WebSearch'), destination: 'localSettings' } as PermissionUpdate;
  const others: PermissionUpdate[] = [
    allow('WebFetch'),
    { type: 'setMode', mode: 'acceptEdits', destination: 'session' },
  ];
  expect(heldHereToo([kept, ...others])).toEqual([kept, { ...kept, destination: 'session' }, ...others]);
});
