import xterm from '@xterm/headless';
import type { Terminal } from '@xterm/headless';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wideTexts } from '../../test/support/wide-texts.ts';
import { useCellWidths } from './cell-widths.ts';

let terminal: Terminal;
beforeEach(() => {
  terminal = new xterm.Terminal({ cols: 10, rows: 4, allowProposedApi: true });
  useCellWidths(terminal);
});
afterEach(() => terminal.dispose());

const write = (text: string): Promise<void> => new Promise((done) => terminal.write(text, done));
const row = (at: number): string => terminal.buffer.active.getLine(at)!.translateToString(true);

describe('TERM-11: a character takes as many cells as the program assumes', () => {
  it.each(wideTexts)('%j takes %i', async (text, cells) => {
    await write(`${text};`);
    expect([terminal.buffer.active.cursorX, row(0)]).toEqual([cells + 1, `${text};`]);
  });

  it.each(wideTexts)('%j takes %i even if it arrives in pieces', async (text, cells) => {
    for (const character of `${text};`) await write(character);
    expect([terminal.buffer.active.cursorX, row(0)]).toEqual([cells + 1, `${text};`]);
  });

  it('is not joined with one that it does not belong to', async () => {
    await write('🇩🇪🇫🇷👍x');
    expect([row(0), terminal.buffer.active.cursorX]).toEqual(['🇩🇪🇫🇷👍x', 7]);
    // A skin tone after an emoji that takes none, and a joiner after a letter.
    await write('\r\n✅🏽\r\na\u200d✅');
    expect(row(1)).toBe('✅🏽');
    expect(terminal.buffer.active.cursorX).toBe(3);
  });

  it('wraps to the next line if it is an emoji that no longer fits', async () => {
    await write('123456789❤\ufe0f;');
    expect([row(0), row(1)]).toEqual(['123456789', '❤\ufe0f;']);
    expect(terminal.buffer.active.cursorX).toBe(3);
  });

  it('is added to the cell before if it is a mark that arrives alone', async () => {
    await write('e\x1b[1m\u0301;');
    expect(row(0)).toBe('e\u0301;');
  });
});
