import { spawnSync } from 'node:child_process';

/**
 * Makes Ctrl-C keep unread input, which a terminal otherwise discards. Node restores a terminal's settings on exit.
 * Without `stty`, nothing changes.
 */
export function keepTyped(): void {
  spawnSync('stty', ['noflsh'], { stdio: ['inherit', 'ignore', 'ignore'] });
}
