/** (c) A new `claude -p --resume` for every turn, printing its stream as JSON lines. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { findProgram } from '../machine.mjs';
import { endChild } from '../child.mjs';

export async function openClaudePrint(place, name) {
  const { cwd, env } = place.openRoom(name);
  const program = findProgram();
  const sessionId = randomUUID();
  let known = false;
  let running;
  place.onClose(() => running && endChild(running));
  return {
    /** One turn: {firstMs, resultMs, text}, both from before the process is started. Resolves when it has exited. */
    async turn(prompt) {
      const session = known ? ['--resume', sessionId] : ['--session-id', sessionId];
      const output = ['--output-format', 'stream-json', '--include-partial-messages', '--verbose'];
      const rest = ['--permission-mode', 'default', '--setting-sources', 'user'];
      const startedAt = performance.now();
      const child = spawn(program, ['-p', ...session, ...output, ...rest, prompt], {
        cwd,
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      running = child;
      known = true;
      const seen = { firstMs: undefined, resultMs: undefined, text: '' };
      const closed = once(child, 'close');
      for await (const line of lines(child.stdout)) {
        const frame = JSON.parse(line);
        if (frame.type === 'stream_event' && frame.event.delta?.type === 'text_delta') {
          seen.firstMs ??= performance.now() - startedAt;
          seen.text += frame.event.delta.text;
        } else if (frame.type === 'result') seen.resultMs = performance.now() - startedAt;
      }
      const [code] = await closed;
      if (code !== 0 || seen.resultMs === undefined) throw new Error(`claude -p ended with ${code} and no result.`);
      return seen;
    },
  };
}

async function* lines(stream) {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop();
    yield* parts.filter((line) => line !== '');
  }
}
