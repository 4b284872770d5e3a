import { findClaudeProgram, noProgram, reinstall } from './claude-program.ts';
import { loadPseudoTerminals } from '../../terminal/pseudo-terminal.ts';

/** What the terminal backend needs: the program, and pseudo-terminals. Otherwise, why it cannot run here. */
export async function findTerminalPath(): Promise<{ program: string } | { reason: string }> {
  const program = findClaudeProgram();
  if (program === null) return { reason: `${noProgram()} ${reinstall}` };
  const terminals = await loadPseudoTerminals();
  return terminals.ok ? { program } : { reason: `${sentence(terminals.reason)} ${reinstall}` };
}

function sentence(text: string): string {
  return text.endsWith('.') ? text : `${text}.`;
}
