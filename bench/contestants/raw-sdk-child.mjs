// One warm query. Receives {prompt}, answers {firstMs, resultMs, text}. Ends when its parent is gone.
import { randomUUID } from 'node:crypto';
import { query } from '@anthropic-ai/claude-agent-sdk';

const [cwd] = process.argv.slice(2);
const sessionId = randomUUID();
let push;

async function* input() {
  for (;;) yield await new Promise((resolve) => (push = resolve));
}

const running = query({
  prompt: input(),
  options: {
    cwd,
    sessionId,
    permissionMode: 'default',
    settingSources: ['user'],
    systemPrompt: { type: 'preset', preset: 'claude_code' },
    includePartialMessages: true,
    forwardSubagentText: true,
    canUseTool: () => Promise.resolve({ behavior: 'deny', message: 'No tool is needed here.' }),
    env: { ...process.env },
  },
});
process.once('disconnect', () => running.close());

let turn;
process.on('message', ({ prompt }) => {
  const message = { role: 'user', content: prompt };
  turn = { startedAt: performance.now(), firstMs: undefined, text: '' };
  push({ type: 'user', uuid: randomUUID(), session_id: sessionId, parent_tool_use_id: null, message });
});

await running.initializationResult();
process.send({ ready: true });

for await (const frame of running) {
  if (!turn) continue;
  if (frame.type === 'stream_event') {
    const { delta } = frame.event;
    if (delta?.type !== 'text_delta') continue;
    turn.firstMs ??= performance.now() - turn.startedAt;
    turn.text += delta.text;
  } else if (frame.type === 'result') {
    const resultMs = performance.now() - turn.startedAt;
    if (frame.subtype !== 'success') process.send({ error: `The raw SDK's turn ended as ${frame.subtype}.` });
    else process.send({ firstMs: turn.firstMs, resultMs, text: turn.text });
    turn = undefined;
  }
}
