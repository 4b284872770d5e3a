import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentEvent } from '../../src/agents/agent-backend.ts';
import { describeAgentBackend } from '../contract/agent-backend.ts';
import { createGate, type Gate } from './gate.ts';
import { chunk, finished, said, ScriptedBackend, type ScriptedTurn } from './scripted-backend.ts';

const touch = /^(?:run: )?touch (\S+)$/;

/** The phrases of the contract. */
async function* contractPhrases(turn: ScriptedTurn, hold: (gate: Gate) => void): AsyncGenerator<AgentEvent> {
  const { text, session } = turn;
  if (text === 'hold') {
    const gate = createGate();
    hold(gate);
    yield chunk('held', 'I hold here. ');
    await gate.pass();
    yield said('I hold here. Now I go on.', 'held');
  } else if (text.startsWith('stream ')) {
    const pieces = Array.from({ length: Number(text.split(' ')[1]) }, (_, index) => `t${index + 1} `);
    for (const piece of pieces) yield chunk('streamed', piece);
    yield said(pieces.join(''), 'streamed');
  } else if (text.startsWith('run: ')) {
    yield* runTool(turn);
  } else {
    yield said(text === 'who are you' ? `I am ${session.model ?? 'nobody'}.` : `You said: ${turn.history.join(', ')}`);
  }
  yield finished();
}

async function* runTool(turn: ScriptedTurn): AsyncGenerator<AgentEvent> {
  const rawInput = { command: turn.text.slice('run: '.length) };
  const call = { toolCallId: crypto.randomUUID(), title: rawInput.command, kind: 'execute', toolName: 'Bash' } as const;
  yield { type: 'tool_call', ...call, rawInput };
  const answer =
    turn.session.permissionMode === 'dontAsk'
      ? { outcome: 'deny' as const, message: undefined, input: undefined }
      : yield* turn.ask({ toolCallId: call.toolCallId, title: call.title, input: rawInput });
  const denied = answer.outcome === 'deny';
  const ran = { ...rawInput, ...answer.input } as typeof rawInput;
  const [, path] = touch.exec(ran.command) ?? [];
  if (!denied && path !== undefined) await writeFile(path, '');
  yield {
    type: 'tool_call_update',
    toolCallId: call.toolCallId,
    status: denied ? 'failed' : 'completed',
    content: [],
    rawOutput: denied ? answer.message : '',
  };
}

describeAgentBackend('ScriptedBackend', async () => {
  const cwd = await realpath(await mkdtemp(join(tmpdir(), 'boocode-scripted-')));
  const gates = new Set<Gate>();
  const backend = new ScriptedBackend((turn) => contractPhrases(turn, (gate) => gates.add(gate)));
  return {
    backend,
    cwd,
    held: () => gates.size,
    release() {
      for (const gate of gates) gate.open();
      gates.clear();
    },
    leftovers: (chatId) => (backend.sessions.has(chatId) ? [chatId] : []),
    async close() {
      await backend.dispose();
      await rm(cwd, { recursive: true, force: true });
    },
  };
});
