import { describe, expect, it } from 'vitest';
import { maxOutputLength } from './bounded-output.ts';
import type { OpenCall } from './mapping-state.ts';
import { toolContent } from './tool-output.ts';

const call = (toolName: string, input: unknown): OpenCall => ({ toolName, input, parentToolCallId: undefined });
const text = (words: string): object => ({ type: 'content', content: { type: 'text', text: words } });

describe('toolContent', () => {
  it('shows an edit as it was allowed', () => {
    const edit = call('Edit', { file_path: '/f', old_string: 'a', new_string: 'b' });
    expect(toolContent(edit, false, 'ok', undefined)).toEqual([
      { type: 'diff', path: '/f', oldText: 'a', newText: 'b' },
    ]);
    const changed = { filePath: '/f', oldString: 'a', newString: 'c', userModified: true };
    expect(toolContent(edit, false, 'ok', changed)).toMatchObject([{ newText: 'c' }]);
    expect(toolContent(edit, true, 'No such text.', undefined)).toEqual([text('No such text.')]);
  });

  it('shows every one of several edits, and an edit of an empty file as new', () => {
    const edits = [
      { old_string: '', new_string: 'a' },
      { old_string: 'x', new_string: 'y' },
    ];
    expect(toolContent(call('MultiEdit', { file_path: '/f', edits }), false, '', null)).toEqual([
      { type: 'diff', path: '/f', oldText: null, newText: 'a' },
      { type: 'diff', path: '/f', oldText: 'x', newText: 'y' },
    ]);
  });

  it('compares a written file with its old content, and never claims that it is new', () => {
    const write = call('Write', { file_path: '/f', content: 'new' });
    expect(toolContent(write, false, 'ok', { type: 'create', originalFile: null })).toMatchObject([{ oldText: null }]);
    expect(toolContent(write, false, 'ok', { type: 'update', originalFile: 'old' })).toMatchObject([
      { oldText: 'old' },
    ]);
    expect(toolContent(write, false, 'ok', { type: 'update', originalFile: null })).toEqual([text('ok')]);
  });

  it('shows the cells of a notebook', () => {
    const replace = call('NotebookEdit', { notebook_path: '/n', new_source: 'b' });
    expect(toolContent(replace, false, '', { old_source: 'a' })).toMatchObject([{ oldText: 'a', newText: 'b' }]);
    const remove = call('NotebookEdit', { notebook_path: '/n', new_source: '', edit_mode: 'delete' });
    expect(toolContent(remove, false, '', { old_source: 'a' })).toMatchObject([{ oldText: 'a', newText: '' }]);
  });

  it('does not cut a diff', () => {
    const big = call('Write', { file_path: '/f', content: 'x'.repeat(maxOutputLength + 1) });
    expect(toolContent(big, false, 'written', { type: 'create' })).toEqual([text('written')]);
  });

  it('shows images, and says what it cannot show', () => {
    const blocks = [
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
      { type: 'image', data: 'AAAA', mimeType: 'image/webp' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'not base64!' } },
      { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } },
      { type: 'document', title: 'Paper' },
      { type: 'tool_reference', tool_name: 'Grep' },
      { type: 'unheard' },
    ];
    expect(toolContent(undefined, false, blocks, null)).toEqual([
      { type: 'content', content: { type: 'image', mimeType: 'image/png', data: 'AAAA' } },
      { type: 'content', content: { type: 'image', mimeType: 'image/webp', data: 'AAAA' } },
      text('[image that cannot be shown]'),
      text('[image] https://example.org/a.png'),
      text('Paper'),
      text('[tool Grep]'),
    ]);
  });

  it('cuts a long text', () => {
    const [part] = toolContent(undefined, false, 'x'.repeat(maxOutputLength * 2), null);
    expect(JSON.stringify(part)).toContain('[truncated: ');
    expect(JSON.stringify(part).length).toBeLessThan(maxOutputLength + 200);
  });

  it('returns a sub-agent’s report without the text around it', () => {
    const agent = call('Agent', {});
    const output = {
      status: 'completed',
      harnessNoteCount: 1,
      content: [
        { type: 'text', text: '<note/>' },
        { type: 'text', text: 'All well.' },
      ],
    };
    expect(toolContent(agent, false, 'wrapped', output)).toEqual([text('All well.')]);
    expect(toolContent(agent, false, 'internal', { status: 'async_launched' })).toEqual([
      text('The sub-agent is working in the background.'),
    ]);
  });
});
