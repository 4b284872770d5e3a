import { describe, expect, it } from 'vitest';
import { boundOutput, cutText, maxOutputLength } from './bounded-output.ts';

const sizeOf = (value: unknown): number => JSON.stringify(value).length;

describe('boundOutput', () => {
  it('leaves a small output unchanged', () => {
    const output = { stdout: 'a\nb', stderr: '', interrupted: false, list: [1, null, { deep: true }] };
    expect(boundOutput(output)).toEqual(output);
    expect(boundOutput(null)).toBeNull();
    expect(boundOutput('text')).toBe('text');
  });

  it('cuts a long text and says how much is missing', () => {
    const cut = boundOutput('x'.repeat(maxOutputLength + 5)) as string;
    expect(cut).toMatch(/\[truncated: \d+ of 262149 characters are left out\]$/);
    expect(cut.length).toBeLessThan(maxOutputLength + 100);
  });

  it('keeps the shape of an object that it cuts, and marks it', () => {
    const cut = boundOutput({ stdout: 'x'.repeat(1_000_000), stderr: 'important', interrupted: false });
    expect(cut).toMatchObject({ truncated: true });
    expect(Object.keys(cut as object)[0]).toBe('stdout');
    expect(sizeOf(cut)).toBeLessThan(maxOutputLength + 1000);
  });

  it('bounds millions of entries and deep nesting', () => {
    const many = boundOutput({ list: Array.from({ length: 1_000_000 }, () => null) }) as { list: unknown[] };
    expect(sizeOf(many)).toBeLessThan(maxOutputLength + 1000);
    expect(many.list.at(-1)).toMatch(/^\[truncated: \d+ of 1000000 entries are left out\]$/);
    const deep = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`) as unknown;
    expect(JSON.stringify(boundOutput(deep))).toContain('nested too deeply');
  });

  it('leaves out image bytes', () => {
    const data = 'A'.repeat(4000);
    expect(boundOutput({ type: 'image', file: { base64: data, type: 'image/png' } })).toEqual({
      type: 'image',
      file: { base64: '[4000 characters of base64 are left out]', type: 'image/png' },
    });
    expect(boundOutput([{ type: 'base64', media_type: 'image/png', data }])).toEqual([
      { type: 'base64', media_type: 'image/png', data: '[4000 characters of base64 are left out]' },
    ]);
    expect(boundOutput({ data })).toEqual({ data });
  });

  it('treats a special key such as __proto__ as an ordinary one', () => {
    const bounded = boundOutput(JSON.parse('{"__proto__": {"polluted": true}}'));
    expect(JSON.stringify(bounded)).toBe('{"__proto__":{"polluted":true}}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('cutText', () => {
  it('does not split a surrogate pair', () => {
    expect(cutText('ab😀', 3)).toBe('ab\n[truncated: 2 of 4 characters are left out]');
  });
});
