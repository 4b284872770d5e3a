import { randomUUID } from 'node:crypto';
import type { ContentDelta, MessageSink } from './message-sink.ts';
import { type Step, type StopReason, tokensOf } from './reply.ts';
import type { InputUsage } from './usage.ts';

export interface Stage {
  sink: MessageSink;
  model: string;
  usage: InputUsage;
  /** Between the pieces of a text without its own pace. */
  intervalMs: number;
  /** Aborted when the client goes away or the model is closed. */
  signal: AbortSignal;
  /** Resolves when the reply may continue. */
  hold(): Promise<void>;
  /** Destroys the connection once everything written has left. */
  cut(): Promise<void>;
}

const apiId = (prefix: string): string => `${prefix}_demo_${randomUUID().replaceAll('-', '').slice(0, 20)}`;

/** Plays a message step by step. Ends early, and silently, once the client is gone. */
export async function playMessage(steps: readonly Step[], stage: Stage): Promise<void> {
  const { sink, signal } = stage;
  let index = 0;
  let stopReason: StopReason = 'end_turn';

  async function playDeltas(deltas: readonly ContentDelta[], intervalMs: number): Promise<void> {
    let due = performance.now();
    for (const delta of deltas) {
      if (signal.aborted) return;
      await sink.delta(index, delta);
      if (intervalMs === 0) continue;
      // A schedule, not a chain of waits: late timers do not add up, so the rate holds.
      due += intervalMs;
      const waitMs = due - performance.now();
      if (waitMs > 1) await pause(waitMs, signal);
    }
  }

  function endBlock(): void {
    if (!signal.aborted) sink.stopBlock(index);
    index += 1;
  }

  sink.begin({ id: apiId('msg'), model: stage.model, usage: stage.usage });
  for (const step of steps) {
    if (signal.aborted) return;
    switch (step.type) {
      case 'text': {
        const deltas = step.pieces.map((text): ContentDelta => ({ type: 'text_delta', text }));
        const intervalMs = step.intervalMs ?? stage.intervalMs;
        const before = step.holdAfter ?? deltas.length;
        sink.startBlock(index, { type: 'text', text: '' });
        await playDeltas(deltas.slice(0, before), intervalMs);
        if (step.holdAfter !== undefined) await stage.hold();
        await playDeltas(deltas.slice(before), intervalMs);
        if (step.unfinished !== true) endBlock();
        break;
      }
      case 'thinking': {
        const deltas = step.pieces.map((thinking): ContentDelta => ({ type: 'thinking_delta', thinking }));
        sink.startBlock(index, { type: 'thinking', thinking: '', signature: '' });
        await playDeltas(deltas, step.intervalMs ?? stage.intervalMs);
        await playDeltas([{ type: 'signature_delta', signature: 'c2NyaXB0ZWQgZGVtbyBtb2RlbA==' }], 0);
        endBlock();
        break;
      }
      case 'tool': {
        const pieces = JSON.stringify(step.input).match(/[\s\S]{1,24}/gu) ?? [];
        sink.startBlock(index, { type: 'tool_use', id: apiId('toolu'), name: step.name, input: {} });
        await playDeltas(
          pieces.map((partial_json) => ({ type: 'input_json_delta', partial_json })),
          0,
        );
        endBlock();
        stopReason = 'tool_use';
        break;
      }
      case 'stop':
        stopReason = step.reason;
        break;
      case 'cut':
        await stage.cut();
        return;
      case 'malformed':
        sink.malformed();
        return;
      case 'break':
        sink.breakOff(step.errorType, step.message);
        return;
      case 'fail':
      case 'headers':
      case 'silence':
        throw new Error(`The step "${step.type}" cannot follow others.`);
    }
  }
  if (!signal.aborted) sink.finish(stopReason, outputTokensOf(steps));
}

/** For a message that reaches its end. */
export function outputTokensOf(steps: readonly Step[]): number {
  const tokens = steps.reduce((sum, step) => sum + tokensOf(step), 0);
  return Math.max(1, tokens);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
