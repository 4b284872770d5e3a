/** Keys that on-screen keyboards lack and terminal programs need. */
export const terminalKeys = [
  { name: 'Esc', label: 'Escape' },
  { name: 'Tab', label: 'Tab' },
  { name: '⇧Tab', label: 'Shift and Tab' },
  { name: '^C', label: 'Control and C' },
  { name: '↑', label: 'Up' },
  { name: '↓', label: 'Down' },
  { name: '←', label: 'Left' },
  { name: '→', label: 'Right' },
] as const;

export type TerminalKey = (typeof terminalKeys)[number]['name'];

const arrows: Partial<Record<TerminalKey, string>> = { '↑': 'A', '↓': 'B', '→': 'C', '←': 'D' };
const others: Partial<Record<TerminalKey, string>> = { Esc: '\u001b', Tab: '\t', '⇧Tab': '\u001b[Z', '^C': '\u0003' };

/** The bytes of a key. Programs can switch arrows to application mode. */
export function keyBytes(key: TerminalKey, areArrowsApplication: boolean): string {
  const arrow = arrows[key];
  if (arrow !== undefined) return `\u001b${areArrowsApplication ? 'O' : '['}${arrow}`;
  return others[key] ?? '';
}

/** One character, with or without Alt, or any number of key, mouse and focus sequences. */
// oxlint-disable-next-line no-control-regex -- the sequences themselves
const sequences = /^(?:\x1b?[^]|\x1b?(?:\x1b(?:\[[0-9;:<>?]*[@-~]|O[ -~]))+)$/u;
// oxlint-disable-next-line no-control-regex -- the sequences themselves
const pasteMark = /\x1b\[20[01]~/;
const control = /\p{Cc}/u;

/** True for key or mouse input, and for text that contains nothing a program could read as a key. */
export function isKeys(data: string): boolean {
  return sequences.test(data) ? !pasteMark.test(data) : !control.test(data);
}
