/** Starts a build's server on a data directory of its own and stops it again, as often as asked; and runs its commands. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endChild } from '../child.mjs';

export function openLaunches(place, name, dist) {
  const room = place.openRoom(name);
  const program = join(dist, 'cli', 'boocode.js');
  const dataDir = join(room.directory, 'data');
  const env = { ...room.env, CLAUDE_SDK_BACKEND: '1' };
  let server;
  place.onClose(() => server && endChild(server));

  async function start() {
    const startedAt = performance.now();
    server = spawn(process.execPath, [program, 'serve', '--port', '0', '--data-dir', dataDir], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const lines = createInterface({ input: server.stdout });
    server.once('exit', () => lines.close());
    // The rest of what it says is read, and ignored.
    const [line = ''] = await once(lines, 'line', { signal: AbortSignal.timeout(60_000) });
    if (!line.startsWith('BooCode is ready: ')) throw new Error(`The server said: ${line}`);
    return performance.now() - startedAt;
  }

  return {
    dataDir,
    cwd: room.cwd,
    /** Milliseconds from the start of the process until it says that it is ready. */
    start,
    async stop() {
      await endChild(server);
      server = undefined;
    },
    /** A command, from the start of its process to its exit: {ms, output}. */
    async run(...args) {
      const startedAt = performance.now();
      const child = spawn(process.execPath, [program, ...args], {
        cwd: room.cwd,
        env: { ...env, BOOCODE_DATA_DIR: dataDir },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (chunk) => (output += chunk));
      const exited = once(child, 'exit');
      const closed = once(child, 'close');
      const [code] = await exited;
      const ms = performance.now() - startedAt;
      await closed;
      if (code !== 0) throw new Error(`boocode ${args.join(' ')} ended with ${code}.`);
      return { ms, output };
    },
  };
}

/** A Node that does nothing, from its start to its exit. */
export async function timeNode() {
  const startedAt = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
  return performance.now() - startedAt;
}
