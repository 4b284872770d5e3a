import { describe, expect, it } from 'vitest';
import { splitBlocks } from './split-blocks.ts';

describe('splitBlocks', () => {
  it.each([
    ['one paragraph', ['one paragraph']],
    ['a\n\nb\n\n\nc', ['a\n\n', 'b\n\n\n', 'c']],
    ['```js\na\n\nb\n```\n\nafter', ['```js\na\n\nb\n```\n\n', 'after']],
    ['````\n```\n\nx\n````\n\ny', ['````\n```\n\nx\n````\n\n', 'y']],
    ['- a\n\n- b\n\n  more\n\ntext', ['- a\n\n- b\n\n  more\n\n', 'text']],
    ['1. a\n\n    code\n\n2. b', ['1. a\n\n    code\n\n2. b']],
    ['see [a]\n\n[a]: https://example.org', ['see [a]\n\n[a]: https://example.org']],
    ['', []],
  ])('splits %j', (text, blocks) => {
    expect(splitBlocks(text)).toEqual(blocks);
  });

  it('loses nothing, and keeps every block but the last while text is added', () => {
    const text = 'Intro\n\n- a\n- b\n\n```\nx\n\ny\n```\n\n| a |\n|---|\n| b |\n\nEnd';
    let before: string[] = [];
    for (let length = 1; length <= text.length; length += 1) {
      const blocks = splitBlocks(text.slice(0, length));
      expect(blocks.join('')).toBe(text.slice(0, length));
      expect(blocks.slice(0, Math.max(0, before.length - 1))).toEqual(before.slice(0, -1));
      before = blocks;
    }
  });

  it('looks for definitions only within a line', () => {
    const text = `a\n\n${'[\n'.repeat(100_000)}]: b`;
    expect(splitBlocks(text)).toEqual(['a\n\n', text.slice(3)]);
  });

  it('splits even a text with definitions if parsing it as a whole would cost too much', () => {
    const costly = `${'>'.repeat(500)}\n\n`;
    expect(splitBlocks(`see [a]\n\n${costly}[a]: https://example.org`)).toHaveLength(3);
  });
});
