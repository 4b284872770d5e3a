// One new query per turn, in a process that has loaded the SDK. Receives {prompt}, answers {firstMs, resultMs, text}.
import { query } from '@anthropic-ai/claude-agent-sdk';

const [cwd] = process.argv.slice(2);

process.on('message', ({ prompt }) => void runTurn(prompt));

async function runTurn(prompt) {
  const startedAt = performance.now();
  const turn = { firstMs: undefined, resultMs: undefined, text: '' };
  const options = {
    cwd,
    permissionMode: 'default',
    settingSources: ['user'],
    systemPrompt: { type: 'preset', preset: 'claude_code' },
    includePartialMessages: true,
    env: { ...process.env },
  };
  for await (const frame of query({ prompt, options })) {
    if (frame.type === 'stream_event' && frame.event.delta?.type === 'text_delta') {
      turn.firstMs ??= performance.now() - startedAt;
      turn.text += frame.event.delta.text;
    } else if (frame.type === 'result') turn.resultMs = performance.now() - startedAt;
  }
  process.send(turn);
}
process.once('disconnect', () => process.exit());
process.send({ ready: true });
