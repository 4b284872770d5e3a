import { FitAddon } from '@xterm/addon-fit';
import { type ITheme, Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useCellWidths } from '../../protocol/cell-widths.ts';
import type { TerminalConnection } from '../../client/client.ts';
import type { TerminalSize } from '../../protocol/terminal.ts';
import { isDark } from '../state/theme.ts';
import { catchPastes } from './catch-pastes.ts';
import { createStyleGuard } from './style-guard.ts';
import { isKeys, keyBytes, type TerminalKey } from './terminal-keys.ts';

const dark: ITheme = {
  background: '#16161d',
  foreground: '#e6e6ea',
  cursor: '#e6e6ea',
  selectionBackground: '#3f3f58',
};
const light: ITheme = {
  background: '#fbfbfd',
  foreground: '#22222a',
  cursor: '#22222a',
  selectionBackground: '#cfd0ea',
  white: '#6b6b76',
  brightWhite: '#3a3a44',
  yellow: '#8a6100',
  brightYellow: '#8a6100',
  green: '#1c7a3d',
  brightGreen: '#1c7a3d',
  cyan: '#0b7285',
  brightCyan: '#0b7285',
};

/**
 * Shows a terminal in an element until it ends or the signal is aborted. Resolves with the reason it ended. The server
 * decides the size, because several viewers may share the terminal.
 */
export async function runTerminal(
  place: HTMLElement,
  connect: (size: TerminalSize) => Promise<TerminalConnection>,
  options: { signal: AbortSignal; onOpen(press: (key: TerminalKey) => void): void },
): Promise<string> {
  const styles = createStyleGuard();
  const terminal = new Terminal({
    fontFamily: 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
    fontSize: 13,
    theme: isDark() ? dark : light,
    scrollback: 5_000,
    minimumContrastRatio: 4.5,
    screenReaderMode: false,
    // Needed to set the width of characters.
    allowProposedApi: true,
    // Links stay text: their target is not visible.
    linkHandler: { activate: () => undefined },
  });
  useCellWidths(terminal);
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  styles.during(() => terminal.open(place));
  let connection: TerminalConnection | undefined;
  let observer: ResizeObserver | undefined;
  let stopCatching = (): void => undefined;
  const sizeHere = (): TerminalSize => {
    const proposed = fit.proposeDimensions();
    const bounded = (value: number | undefined, usual: number): number =>
      Math.max(2, Math.min(1000, Number.isFinite(value) ? (value ?? usual) : usual));
    return { columns: bounded(proposed?.cols, 80), rows: bounded(proposed?.rows, 24) };
  };
  const show = (data: string | Uint8Array): Promise<void> => new Promise((done) => terminal.write(data, done));
  const leave = (): void => connection?.close();

  try {
    const opened = await connect(sizeHere());
    connection = opened;
    options.signal.addEventListener('abort', leave);
    if (options.signal.aborted) leave();
    // Dictation, suggestions and composition reach xterm as text, which may contain anything.
    terminal.onData((data) => (isKeys(data) ? opened.write(data) : opened.paste(data)));
    terminal.onBinary((data) => opened.write(Uint8Array.from(data, (character) => character.charCodeAt(0))));
    stopCatching = catchPastes(place, (text) => {
      if (terminal.textarea) terminal.textarea.value = '';
      opened.paste(text);
    });
    let asked = sizeHere();
    observer = new ResizeObserver(() => {
      const size = sizeHere();
      if (size.columns === asked.columns && size.rows === asked.rows) return;
      asked = size;
      opened.resize(size);
    });
    observer.observe(place);
    // Focus stays where it is: moving it would show or hide a phone's keyboard.
    options.onOpen((key) => terminal.input(keyBytes(key, terminal.modes.applicationCursorKeysMode)));
    terminal.focus();
    let reason = 'The terminal was closed.';
    for await (const item of opened.items) {
      if (item.type === 'screen' || item.type === 'size') terminal.resize(item.size.columns, item.size.rows);
      if (item.type === 'screen') terminal.reset();
      if (item.type === 'screen' || item.type === 'output') await show(item.data);
      if (item.type === 'ended') reason = item.reason;
    }
    return reason;
  } finally {
    options.signal.removeEventListener('abort', leave);
    observer?.disconnect();
    stopCatching();
    leave();
    terminal.dispose();
    styles.remove();
  }
}
