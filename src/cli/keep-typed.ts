import { spawnSync } from 'node:child_process';

/**
 * Lets Ctrl-C interrupt without throwing away what was typed and not read yet, which a terminal does otherwise. Node puts
 * a terminal's settings back when it ends. Where there is no `stty`, all stays as it is.
 */
export function keepTyped(): void {
  spawnSync('stty', ['noflsh'], { stdio: ['inherit', 'ignore', 'ignore'] });
}
