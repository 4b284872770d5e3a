/**
 * Where a run takes place: temporary directories, the demo model in its own process, and everything that was started,
 * ended in reverse order.
 */
import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endChild, nextMessage } from './child.mjs';
import { fromDist } from './dist.mjs';

const places = new Set();

/** Ends whatever a run that is cut short has open. */
export async function closePlaces() {
  await Promise.allSettled([...places].map((place) => place.close()));
}

/** `modelArgs` gets the run's directory and returns the arguments for the model's own Node. */
export async function openPlace({ cpuProfDir = null, modelArgs = () => [] } = {}) {
  const { agentEnvironment } = await fromDist('agents/claude/agent-environment.js');
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-bench-')));
  const closers = [() => rm(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })];
  let closing;

  const place = {
    cpuProfDir,
    root,
    modelUrl: '',
    /** To be called when the run ends, before everything that was opened earlier. */
    onClose(close) {
      closers.push(close);
    },
    /** A working directory, a home and an agent's whole environment, shared with nobody. All are alike. */
    openRoom(name) {
      const directory = join(root, name);
      const cwd = join(directory, 'workspace');
      const home = join(directory, 'home');
      const temporary = join(directory, 'tmp');
      for (const each of [cwd, join(home, '.claude'), temporary]) mkdirSync(each, { recursive: true });
      writeFileSync(join(cwd, 'README.md'), '# An example\n');
      const env = {
        ...agentEnvironment({ PATH: process.env.PATH, LANG: 'C.UTF-8' }),
        HOME: home,
        TMPDIR: temporary,
        CLAUDE_CONFIG_DIR: join(home, '.claude'),
        ANTHROPIC_BASE_URL: place.modelUrl,
        ANTHROPIC_API_KEY: 'demo',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
        IS_SANDBOX: '1',
      };
      return { directory, cwd, env };
    },
    close() {
      closing ??= closeAll(closers).finally(() => places.delete(place));
      return closing;
    },
  };
  places.add(place);

  try {
    const model = fork(fileURLToPath(new URL('model.mjs', import.meta.url)), { execArgv: modelArgs(root) });
    closers.push(() => endChild(model));
    place.modelUrl = (await nextMessage(model)).url;
    return place;
  } catch (error) {
    await place.close();
    throw error;
  }
}

/** Runs every step, even after one that failed; throws the first failure. */
async function closeAll(closers) {
  const failures = [];
  for (const close of closers.toReversed()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
