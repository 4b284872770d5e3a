import { describe, expect, it } from 'vitest';
import { askedTitle, toolKind, toolTitle } from './tool-title.ts';

describe('toolTitle', () => {
  it.each<[string, unknown, string]>([
    ['Bash', { command: 'ls -la\npwd', description: 'List' }, 'ls -la␊pwd'],
    ['Read', { file_path: '/a/b.ts' }, 'Read /a/b.ts'],
    ['Write', { file_path: '/a/b.ts', content: 'x' }, 'Write /a/b.ts'],
    ['NotebookEdit', { notebook_path: '/n.ipynb' }, 'Edit /n.ipynb'],
    ['Grep', { pattern: 'foo.*', path: 'src' }, 'Search foo.* in src'],
    ['Glob', { pattern: '**/*.ts' }, 'Search **/*.ts'],
    ['WebFetch', { url: 'https://example.org/', prompt: 'p' }, 'Fetch https://example.org/'],
    ['Agent', { description: 'Look around', prompt: 'long' }, 'Look around'],
    ['AskUserQuestion', { questions: [{ question: 'Which?' }, { question: 'When?' }] }, 'Which? · When?'],
    ['ExitPlanMode', { plan: '# Plan\n1. x' }, 'Plan ready: # Plan␊1. x'],
    ['ExitPlanMode', {}, 'End planning'],
    [
      'TodoWrite',
      {
        todos: [
          { content: 'a', status: 'completed' },
          { content: 'b', status: 'in_progress', activeForm: 'Doing b' },
        ],
      },
      'Plan: 1 of 2 done, Doing b',
    ],
    ['TaskCreate', { subject: 'Write it', description: 'd' }, 'Plan: Write it'],
    ['TaskUpdate', { taskId: '2', status: 'completed' }, 'Plan: task 2 → completed'],
    ['mcp__git_hub__list_issues', { query: 'is:open' }, 'git_hub · list_issues: is:open'],
    ['Unheard', { url: 'u' }, 'Unheard: u'],
    ['Bash', null, 'Bash'],
    ['constructor', { command: 7 }, 'constructor'],
  ])('%s %j', (name, input, title) => {
    expect(toolTitle(name, input)).toBe(title);
  });

  it('knows the kinds', () => {
    expect(['Bash', 'Edit', 'Read', 'Grep', 'WebFetch', 'TodoWrite', 'mcp__a__b', 'toString'].map(toolKind)).toEqual([
      'execute',
      'edit',
      'read',
      'search',
      'fetch',
      'think',
      'other',
      'other',
    ]);
  });
});

it.each<[string, unknown, string]>([
  ['Bash', { command: 'ls' }, 'Bash: ls'],
  ['ExitPlanMode', {}, 'ExitPlanMode: End planning'],
  ['Unheard', {}, 'Unheard'],
  ['Unheard', { query: 'q' }, 'Unheard: q'],
  ['mcp__a__b', { query: 'q' }, 'mcp__a__b: a · b: q'],
])('asks about %s %j by its name, once', (name, input, title) => {
  expect(askedTitle(name, input)).toBe(title);
});
