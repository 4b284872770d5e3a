/**
 * A turn that its host did not survive, in a chat that says `continue`: an agent continues it by itself, before anything
 * that waits. The chat's row says so until that turn has ended, so that it happens whoever dies in between, and says how
 * often it was started, so that a turn which ends its host does not do so forever.
 */
import { type BooError, toBooError } from '../protocol/error.ts';
import type { Continuation } from '../store/chats.ts';
import { setContinuation } from '../store/continuations.ts';
import { FencedError } from '../store/storage-error.ts';
import { maxContinuations, sendAgain, tooOften } from './after-interruption.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatSession } from './chat-session.ts';
import type { Turns } from './turns.ts';

export class ContinuedTurn {
  readonly #context: ChatContext;
  readonly #session: ChatSession;
  readonly #turns: Turns;

  constructor(context: ChatContext, session: ChatSession, turns: Turns) {
    this.#context = context;
    this.#session = session;
    this.#turns = turns;
  }

  /** Has the turn continued, before anything else that waits. */
  add(continuation: Continuation): void {
    const { queue, logger, log } = this.#context;
    const { turnId } = continuation;
    queue
      .addTask('continuation', () => this.#run(continuation), { isFirst: true })
      // The chat's next holder tries again.
      .catch((err: unknown) =>
        logger.warn({ chatId: log.lease.chatId, turnId, err }, 'A turn could not be continued yet.'),
      );
  }

  async #run({ turnId, starts: before }: Continuation): Promise<void> {
    const { queue, settings, state } = this.#context;
    let failure: BooError | undefined;
    for (let starts = before; starts < maxContinuations;) {
      queue.assertOpen();
      if (settings.row.onInterrupted === 'stop') return this.#giveUp(turnId, 'The chat has since been set to stop.');
      starts += 1;
      // Counted first, so that a start that ends the host counts too.
      await this.#count({ turnId, starts });
      state.start();
      failure = undefined;
      try {
        await this.#session.continueTurn();
      } catch (error) {
        if (error instanceof FencedError) throw error;
        failure = toBooError(error);
      }
      const interruption = state.end();
      if (!failure) {
        if (interruption) await state.handle?.interrupt();
        return this.#turns.recordUnprompted({ continuesTurnId: turnId, starts, interruption });
      }
      // A server that stops in order is not a failed start.
      if (queue.isClosed) await this.#count({ turnId, starts: starts - 1 });
      else if (interruption) return this.#giveUp(turnId, 'It was interrupted.');
    }
    await this.#giveUp(turnId, failure?.message ?? tooOften);
  }

  async #count(continuation: Continuation): Promise<void> {
    const { sql, log } = this.#context;
    if (!(await log.ask(() => setContinuation(sql, log.lease, continuation)))) throw new FencedError(log.lease.chatId);
  }

  async #giveUp(turnId: string, why: string): Promise<void> {
    const message = `The interrupted turn was not continued. ${why} ${sendAgain}`;
    const data = { turnId };
    await this.#context.log.append({
      events: [{ body: { type: 'notice', level: 'warning', code: 'turn_not_continued', message, data } }],
      chat: { continuation: null },
    });
  }
}
