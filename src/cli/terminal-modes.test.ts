import { describe, expect, it } from 'vitest';
import { TerminalModes } from './terminal-modes.ts';

const after = (output: string): string => {
  const modes = new TerminalModes();
  modes.note(output);
  return modes.undo();
};

describe('undoing a program’s modes', () => {
  it('disables what was enabled, and enables what was disabled', () => {
    const undo = after('\x1b[?1000;1006h\x1b[?25l\x1b[?2004h\x1b[?2004l\x1b[?7l\x1b[?7h');
    expect(undo).toContain('\x1b[?1000l\x1b[?1006l\x1b[?25h');
    expect(undo).not.toContain('2004');
    expect(undo).not.toContain('\x1b[?7');
  });

  it('leaves the alternate screen only if the program is on it', () => {
    expect(after('\x1b[?1049h')).toContain('\x1b[?1049l');
    expect(after('\x1b[?1049h\x1b[?1049l')).not.toContain('1049');
    expect(after('text')).not.toContain('1049');
  });

  it('resets keyboard, cursor and links only if they were changed', () => {
    expect(after('\x1b[>1u')).toContain('\x1b[=0;1u');
    expect(after('\x1b[>4;2m')).toContain('\x1b[>4m');
    expect(after('\x1b[5 q')).toContain('\x1b[0 q');
    expect(after('\x1b]8;;https://a.example\x1b\\link')).toContain('\x1b]8;;\x1b\\');
    expect(after('text \x1b[u\x1b[31m')).toBe(after(''));
  });

  it('reports when there is something new to undo', () => {
    const modes = new TerminalModes();
    expect([modes.note('text'), modes.note('\x1b[?25l'), modes.note('\x1b[?25l'), modes.note('\x1b[?25h')]).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });
});
