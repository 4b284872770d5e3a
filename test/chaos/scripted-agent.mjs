// @ts-check
// An agent without a process or a model, for volume. Like a real one it mirrors what it is asked into the session store
// before it answers, so that the next host can tell whether a prompt reached it.
//
// A prompt ends with what to do: `write N` (N messages, a few milliseconds apart), `stream N` (one message in N pieces) or
// `ask` (a decision).
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export const backendName = 'scripted_loop';

/** @param {{ load: (module: string) => Promise<any>, model: string }} parts `model`: the file of what it was asked. */
export async function scriptedAgent({ load, model }) {
  const { createPushable } = await load('lib/pushable.js');
  const { textOf } = await load('protocol/text-of.js');
  const { noUsage } = await load('protocol/usage.js');
  const { finding } = await load('protocol/finding.js');
  const { BooError } = await load('protocol/error.js');

  const finished = (/** @type {string} */ outcome, rest = {}) => ({
    type: 'turn_finished',
    outcome,
    usage: noUsage,
    costUsd: 0,
    models: {},
    ...rest,
  });
  const said = (/** @type {string} */ text, messageId = randomUUID()) => ({
    type: 'agent_message',
    messageId,
    content: [{ type: 'text', text }],
  });

  class Session {
    #isNew = true;
    #isClosed = false;
    /** @type {any} */
    #turn;
    /** @type {Map<string, (answer: any) => void>} */
    #decisions = new Map();
    #spec;

    constructor(/** @type {any} */ spec) {
      this.#spec = spec;
    }

    get isBusy() {
      return this.#turn !== undefined;
    }

    async *prompt(/** @type {any} */ { turnId, content }) {
      if (this.#isClosed) throw new BooError('agent_failed', 'The session has ended.');
      const out = (this.#turn = createPushable());
      void this.#play(out, turnId, textOf(content));
      yield* out.iterable;
    }

    async #play(/** @type {any} */ out, /** @type {string} */ turnId, /** @type {string} */ text) {
      const { chatId, sessionId, sessionStore, model: chosen } = this.#spec;
      const isOn = () => this.#turn === out;
      try {
        if (this.#isNew)
          out.push({ type: 'session_started', sessionId, backend: backendName, model: chosen ?? 'scripted-1' });
        this.#isNew = false;
        await sessionStore.append({ projectKey: 'scripted', sessionId }, [{ type: 'user', uuid: turnId, text }]);
        if (!isOn()) return;
        appendFileSync(model, `${JSON.stringify({ chatId, text, atMs: Date.now() })}\n`);
        for await (const event of this.#answer(text)) {
          if (!isOn()) return;
          out.push(event);
        }
        if (isOn()) this.#end(finished('completed'));
      } catch (error) {
        const message = `What it was asked could not be stored: ${error instanceof Error ? error.message : String(error)}`;
        if (isOn()) this.#end(finished('failed', { error: { code: 'agent_failed', message } }));
      }
    }

    async *#answer(/** @type {string} */ text) {
      const [, what = 'write', count = '1'] = /(write|stream|ask)(?: (\d+))?$/.exec(text) ?? [];
      if (what === 'ask') {
        const decisionId = randomUUID();
        const answer = new Promise((settle) => this.#decisions.set(decisionId, settle));
        const input = { command: `echo ${text}` };
        yield {
          type: 'decision_requested',
          decisionId,
          kind: 'permission',
          title: `Bash: ${input.command}`,
          input,
          canAllowAlways: false,
          alwaysScope: [],
        };
        yield said(`The answer was ${/** @type {any} */ (await answer).outcome}.`);
        return;
      }
      if (what === 'write') {
        for (let n = 1; n <= Number(count); n += 1) {
          yield said(`Message ${n} of ${count} for ${text}`);
          await delay(3);
        }
        return;
      }
      const messageId = randomUUID();
      let whole = '';
      for (let n = 1; n <= Number(count); n += 1) {
        const piece = `${n} `;
        whole += piece;
        yield { type: 'agent_message_chunk', messageId, content: { type: 'text', text: piece } };
        await delay(5);
      }
      yield said(whole, messageId);
    }

    #end(/** @type {any} */ end) {
      this.#decisions.clear();
      this.#turn?.push(end);
      this.#turn?.close();
      this.#turn = undefined;
    }

    interrupt() {
      for (const decisionId of this.#decisions.keys())
        this.#turn?.push({ type: 'decision_resolved', decisionId, outcome: 'cancelled', by: 'agent' });
      if (this.#turn) this.#end(finished('interrupted'));
      return Promise.resolve();
    }

    checkAnswer = (/** @type {string} */ decisionId) =>
      Promise.resolve(this.#decisions.has(decisionId) ? 'fine' : 'settled');

    resolve(/** @type {string} */ decisionId, /** @type {any} */ answer) {
      const settle = this.#decisions.get(decisionId);
      this.#decisions.delete(decisionId);
      settle?.(answer);
      return settle !== undefined;
    }

    setModel = () => Promise.resolve();
    setEffort = () => Promise.resolve(true);
    setPermissionMode = (/** @type {string} */ mode) => Promise.resolve(mode);
    setAcceptsAgentMessages = () => Promise.resolve();

    async close() {
      await this.interrupt();
      this.#isClosed = true;
    }
  }

  const backend = {
    name: backendName,
    capabilities: { deltas: true, terminal: false, images: false, durableDecisions: false, continuesTurns: false },
    openSession: async (/** @type {any} */ spec) => new Session(spec),
    async wasAsked(/** @type {any} */ { sessionId, sessionStore }, /** @type {any} */ { turnId }) {
      const entries = (await sessionStore.load({ projectKey: 'scripted', sessionId })) ?? [];
      return entries.some((/** @type {any} */ entry) => entry.uuid === turnId);
    },
    dispose: () => Promise.resolve(),
  };
  const agent = {
    name: 'scripted',
    label: 'Scripted',
    backends: [{ name: backendName, label: 'loop', hint: 'for tests', howToChoose: 'Or use the loop.', runs: backend }],
    permissionModes: ['default'],
    models: ['scripted-1'],
    foldSummary: (/** @type {any} */ previous) => ({ data: { entries: Number(previous?.data.entries ?? 0) + 1 } }),
    createTurnTraces: () => ({ add() {}, seen: {}, spent: {}, finishedCalls: new Set() }),
    dispose: () => Promise.resolve(),
  };
  return {
    name: 'scripted',
    open: () => Promise.resolve(agent),
    demoEnvironment: (/** @type {any} */ env) => ({ ...env }),
    diagnose: () => Promise.resolve([finding('scripted', 'ok', 'It needs nothing.')]),
  };
}
