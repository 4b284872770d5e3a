/**
 * Questions beside a chat's conversation: the agent answers them from what it knows, without tools, also in the middle of a
 * turn. Neither question nor answer are part of the conversation, or stored anywhere.
 *
 * A process that can answer them beside its turn does. Otherwise another one answers from a copy of what is stored, and what
 * it costs is booked at once: the session's own totals do not contain it.
 */
import { randomUUID } from 'node:crypto';
import type { AgentBackend } from '../agents/agent-backend.ts';
import { createSerial } from '../lib/serial.ts';
import { Withdrawals } from '../lib/withdrawals.ts';
import { BooError, toBooError } from '../protocol/error.ts';
import { openAgentSession } from '../store/agent-sessions.ts';
import { FencedError } from '../store/storage-error.ts';
import type { ChatContext } from './chat-context.ts';
import { chatTranscripts } from './chat-transcripts.ts';
import type { ChatSession } from './chat-session.ts';
import type { OpenDecisions } from './open-decisions.ts';
import { asideCostAdded } from './session-cost.ts';
import { lettingGo } from './storage.ts';

const limitMs = 2 * 60_000;

export interface AsideParts {
  session: ChatSession;
  decisions: Pick<OpenDecisions, 'isWaiting'>;
}

export class Asides {
  readonly #context: ChatContext;
  readonly #parts: AsideParts;
  readonly #answering = new Withdrawals();
  /** A chat has one more process for its questions at most. */
  readonly #inCopies = createSerial();

  constructor(context: ChatContext, parts: AsideParts) {
    this.#context = context;
    this.#parts = parts;
  }

  get isAnswering(): boolean {
    return !this.#answering.isEmpty;
  }

  /** Throws as `Chats.askAside`. Aborting the signal withdraws the question. */
  async ask(question: string, signal: AbortSignal): Promise<string> {
    const answer = await this.#answering.run((either) => this.#ask(question, either), signal);
    return this.#context.log.redaction.text(answer);
  }

  /** Withdraws all. Idempotent. */
  close(): Promise<void> {
    return this.#answering.close(lettingGo());
  }

  async #ask(question: string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const { state, budget } = this.#context;
    await budget.assertLeft();
    const { session, decisions } = this.#parts;
    const { answersAsides } = this.#backend;
    const isOpen = session.handle !== undefined && (session.isReady || state.turn !== null);
    // A process that waits for an answer is opened for that alone.
    if (answersAsides !== true || (!isOpen && decisions.isWaiting)) {
      return this.#inLine(() => this.#askCopy(question, signal), signal);
    }
    if (!isOpen) await this.#context.queue.addTask('terminal', () => session.warm(), { signal });
    const { handle } = session;
    if (!handle?.askAside) throw new BooError('agent_failed', 'The agent’s process has just ended. Ask again.');
    session.use();
    return inTime(signal, (limited) => handle.askAside!(question, limited));
  }

  get #backend(): AgentBackend {
    const { agents, settings } = this.#context;
    const { backend } = settings.row;
    const runs = agents.backendFor(backend);
    if (runs.answersAsides === true || runs.answerAside) return runs;
    throw new BooError('aside_unavailable', `This chat runs on ${backend}, which answers no side questions.`, {
      details: { backend },
    });
  }

  /** Whoever is withdrawn does not wait for those before. */
  #inLine(work: () => Promise<string>, signal: AbortSignal): Promise<string> {
    let hasBegun = false;
    const done = this.#inCopies(() => {
      hasBegun = true;
      return work();
    });
    const withdrawn = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => !hasBegun && reject(signal.reason as Error), { once: true });
    });
    return Promise.race([done, withdrawn]);
  }

  async #askCopy(question: string, signal: AbortSignal): Promise<string> {
    const { sql, log, agents, admission, settings, workspaces, fail } = this.#context;
    signal.throwIfAborted();
    const backend = this.#backend;
    if (settings.missing) throw settings.missing;
    const { id: chatId, agent, model, effort } = settings.row;
    const cwd = settings.directory;
    await workspaces.places.assert(cwd);
    const wanted = { agent, backend: backend.name, sessionId: randomUUID() };
    const found = await log.ask(() => openAgentSession(sql, log.lease, wanted));
    if (!found) throw new FencedError(chatId);
    const spec = {
      chatId,
      sessionId: found.sessionId,
      cwd,
      model,
      effort,
      question,
      sessionStore: chatTranscripts(sql, log, agents.agentFor(agent).foldSummary),
    };
    // It starts like any agent, and takes as much memory.
    const place = await admission.enter({ chatId, signal, onChanged: () => undefined }, () => undefined);
    try {
      return await inTime(signal, (limited) =>
        backend.answerAside!(
          {
            ...spec,
            onRequest: () => place.leave(),
            onCost: async (cost) => {
              await log.appendIf(() => Promise.resolve(asideCostAdded(log, agent, cost))).catch(fail);
            },
          },
          limited,
        ),
      );
    } finally {
      place.leave();
    }
  }
}

async function inTime(signal: AbortSignal, ask: (signal: AbortSignal) => Promise<string>): Promise<string> {
  const late = AbortSignal.timeout(limitMs);
  try {
    return await ask(AbortSignal.any([signal, late]));
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) throw new BooError('model_error', `The model has not answered within ${limitMs / 1_000} s.`);
    throw toBooError(error);
  }
}
