import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InMemorySessionStore, query } from '@anthropic-ai/claude-agent-sdk';

const frameLimitMs = 60_000;
const endLimitMs = 20_000;

/** Directories, a session store and sessions for one scenario. */
export function openRoom(model) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-frames-')));
  const cwd = join(root, 'workspace');
  const home = join(root, 'home');
  const temporary = join(root, 'tmp');
  for (const directory of [cwd, join(home, '.claude'), temporary]) mkdirSync(directory, { recursive: true });
  writeFileSync(join(cwd, 'README.md'), '# An example\n');
  mkdirSync(join(cwd, 'src'));
  const store = new InMemorySessionStore();
  const sessions = [];

  return {
    model,
    root,
    cwd,
    home,
    temporary,
    store,
    open(options = {}) {
      const session = openSession({ model, cwd, home, temporary, store }, options);
      sessions.push(session);
      return session;
    },
    async close() {
      for (const session of sessions) await session.end();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function openSession(place, { env = {}, ...options }) {
  const frames = [];
  const queued = [];
  const waiting = new Set();
  let wakeInput;
  let inputEnded = false;
  let failure;
  let read = 0;

  const announce = () => {
    for (const check of waiting) check();
  };
  async function* input() {
    for (;;) {
      while (queued.length > 0) yield queued.shift();
      if (inputEnded) return;
      await new Promise((resolve) => {
        wakeInput = resolve;
      });
    }
  }
  const running = query({
    prompt: input(),
    options: {
      cwd: place.cwd,
      permissionMode: 'default',
      settingSources: ['user'],
      includePartialMessages: true,
      forwardSubagentText: true,
      sessionStore: place.store,
      canUseTool: (_name, toolInput) => Promise.resolve({ behavior: 'allow', updatedInput: toolInput }),
      ...options,
      env: {
        PATH: process.env.PATH,
        HOME: place.home,
        TMPDIR: place.temporary,
        CLAUDE_CONFIG_DIR: join(place.home, '.claude'),
        ANTHROPIC_BASE_URL: place.model.url,
        ANTHROPIC_API_KEY: 'demo',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        CLAUDE_CODE_MAX_RETRIES: '2',
        DISABLE_AUTOUPDATER: '1',
        IS_SANDBOX: '1',
        ...env,
      },
    },
  });
  const reading = (async () => {
    for await (const frame of running) {
      frames.push(frame);
      announce();
    }
  })().catch((error) => {
    failure = error;
    announce();
  });

  return {
    frames,
    query: running,
    send(content) {
      const message = { role: 'user', content };
      queued.push({ type: 'user', uuid: randomUUID(), session_id: '', parent_tool_use_id: null, message });
      wakeInput?.();
    },
    /** The next frame for which `fits` holds, after the last one returned. */
    frame(fits, limitMs = frameLimitMs) {
      return new Promise((resolve, reject) => {
        let next = read;
        const timer = setTimeout(() => {
          waiting.delete(check);
          reject(new Error(`The frame did not arrive within ${limitMs} ms.`));
        }, limitMs);
        const settle = (done, value) => {
          clearTimeout(timer);
          waiting.delete(check);
          done(value);
        };
        const check = () => {
          while (next < frames.length) {
            const frame = frames[next];
            next += 1;
            if (!fits(frame)) continue;
            read = Math.max(read, next);
            return settle(resolve, frame);
          }
          if (failure) settle(reject, failure);
        };
        waiting.add(check);
        check();
      });
    },
    result() {
      return this.frame((frame) => frame.type === 'result');
    },
    /** Ends the input, waits for the program to exit, and closes it in any case. Returns all frames. */
    async end() {
      inputEnded = true;
      wakeInput?.();
      let timer;
      const limit = new Promise((resolve) => {
        timer = setTimeout(resolve, endLimitMs);
      });
      await Promise.race([reading, limit]);
      clearTimeout(timer);
      running.close();
      await reading;
      return frames;
    },
  };
}
