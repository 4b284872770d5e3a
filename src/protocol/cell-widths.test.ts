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

describe('TERM-11: a character takes as many cells as for the program', () => {
  it.each(wideTexts)('%j takes %i', async (text, cells) => {
    await write(`${text};`);
    expect([terminal.buffer.active.cursorX, row(0)]).toEqual([cells + 1, `${text};`]);
  });

  it.each(wideTexts)('%j takes %i also where it comes in pieces', async (text, cells) => {
    for (const character of `${text};`) await write(character);
    expect([terminal.buffer.active.cursorX, row(0)]).toEqual([cells + 1, `${text};`]);
  });

  it('keeps apart what does not belong together', async () => {
    await write('🇩🇪🇫🇷👍x');
    expect([row(0), terminal.buffer.active.cursorX]).toEqual(['🇩🇪🇫🇷👍x', 7]);
    // A colour of skin on what has none, and a joiner behind what is no emoji.
    await write('\r\n✅🏽\r\na\u200d✅');
    expect(row(1)).toBe('✅🏽');
    expect(terminal.buffer.active.cursorX).toBe(3);
  });

  it('takes an emoji that no longer fits to the next line', async () => {
    await write('123456789❤\ufe0f;');
    expect([row(0), row(1)]).toEqual(['123456789', '❤\ufe0f;']);
    expect(terminal.buffer.active.cursorX).toBe(3);
  });

  it('puts a mark that comes alone on the cell before', async () => {
    await write('e\x1b[1m\u0301;');
    expect(row(0)).toBe('e\u0301;');
  });
});
