#!/usr/bin/env bash
# What the Agent SDK makes of the `updatedInput` of a permission answer (`canUseTool`).
#
# Guess: what the host answers is what runs, or an error.
# Seen: an empty object means "unchanged", so the call runs as the model made it although the host answered `{}`. A field
# that the tool does not know is passed over without a word, although the same field from the model is an error. Only a
# field of the wrong type is refused, and then nothing runs.
#
# Run by hand; needs Node 20 or newer and the npm registry. No account: the model is a stand-in on loopback. Fails when the
# behaviour is another one.
set -euo pipefail
sdk=0.3.332
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
cd "$room"
npm init -y >/dev/null
npm install --silent --no-fund --no-audit "@anthropic-ai/claude-agent-sdk@$sdk"
mkdir home work
cat >main.mjs <<'JS'
import { createServer } from 'node:http';
import { query } from '@anthropic-ai/claude-agent-sdk';

// The model calls one command, and says what came of it.
let call;
const send = (response, type, data) => response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
const model = createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  const { messages = [], stream } = JSON.parse(body || '{}');
  if (!request.url.startsWith('/v1/messages') || stream !== true) return response.end('{"input_tokens": 1}');
  const last = messages.at(-1)?.content;
  const result = Array.isArray(last) ? last.find((block) => block.type === 'tool_result') : undefined;
  const block = result
    ? { start: { type: 'text', text: '' }, delta: { type: 'text_delta', text: 'Done.' } }
    : {
        start: { type: 'tool_use', id: `toolu_${Date.now()}`, name: 'Bash', input: {} },
        delta: { type: 'input_json_delta', partial_json: JSON.stringify(call) },
      };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const usage = { input_tokens: 1, output_tokens: 1 };
  send(response, 'message_start', {
    message: { id: `msg_${Date.now()}`, type: 'message', role: 'assistant', model: 'x', content: [], stop_reason: null, usage },
  });
  send(response, 'content_block_start', { index: 0, content_block: block.start });
  send(response, 'content_block_delta', { index: 0, delta: block.delta });
  send(response, 'content_block_stop', { index: 0 });
  send(response, 'message_delta', { delta: { stop_reason: result ? 'end_turn' : 'tool_use' }, usage });
  send(response, 'message_stop', {});
  response.end();
});
await new Promise((resolve) => model.listen(0, '127.0.0.1', resolve));

async function resultOf(input, updatedInput) {
  call = input;
  let asked = false;
  const messages = query({
    prompt: (async function* () {
      yield { type: 'user', message: { role: 'user', content: 'go' }, parent_tool_use_id: null };
    })(),
    options: {
      cwd: `${process.cwd()}/work`,
      settingSources: [],
      permissionMode: 'default',
      canUseTool: async () => {
        asked = true;
        return { behavior: 'allow', updatedInput };
      },
      env: {
        PATH: process.env.PATH,
        HOME: `${process.cwd()}/home`,
        CLAUDE_CONFIG_DIR: `${process.cwd()}/home/.claude`,
        ANTHROPIC_BASE_URL: `http://127.0.0.1:${model.address().port}`,
        ANTHROPIC_API_KEY: 'a-key',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
      },
    },
  });
  let told;
  for await (const message of messages) {
    const blocks = message.type === 'user' && Array.isArray(message.message.content) ? message.message.content : [];
    told ??= blocks.find((block) => block.type === 'tool_result');
  }
  const text = typeof told.content === 'string' ? told.content : told.content.map((each) => each.text).join('');
  return { asked, isError: told.is_error === true, text: text.trim() };
}

const original = { command: 'touch original && echo original' };
const cases = [
  ['answered {}', original, {}, ({ asked, isError, text }) => asked && !isError && text === 'original'],
  [
    'answered with a field that no tool knows',
    original,
    { command: 'touch edited && echo edited', colour: 'red' },
    ({ asked, isError, text }) => asked && !isError && text === 'edited',
  ],
  [
    'the same field, from the model',
    { ...original, colour: 'red' },
    {},
    ({ asked, isError }) => !asked && isError,
  ],
  ['answered with a number for the command', original, { command: 5 }, ({ asked, isError }) => asked && isError],
];
for (const [name, input, updatedInput, isAsSeen] of cases) {
  const result = await resultOf(input, updatedInput);
  const seen = isAsSeen(result);
  if (!seen) process.exitCode = 1;
  console.log(`${name}: ${JSON.stringify({ ...result, text: result.text.slice(0, 120) })}${seen ? '' : '  <- CHANGED'}`);
}
model.close();
JS
echo "@anthropic-ai/claude-agent-sdk $sdk"
timeout 120 node main.mjs
