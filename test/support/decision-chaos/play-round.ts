/** One round of the chaos run: chats ask, their host or agents end at a random instant, and clients answer around it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerProgram } from '../program.ts';
import type { BooClient } from '../../../src/client/client.ts';
import type { Decision } from '../../../src/protocol/decision.ts';
import { BooError } from '../../../src/protocol/error.ts';
import type { Event } from '../../../src/protocol/event.ts';
import { nextEvent, readLog } from '../turns.ts';
import { until } from '../until.ts';
import { answerTo, type ChaosChat, type Choice, openChaosChat } from './chaos-chat.ts';
import type { ChaosServers, ServerChoice } from './chaos-servers.ts';
import { type Attempt, checkChat, type Verdict } from './check-chat.ts';
import type { RoundPlan } from './round-plan.ts';

export interface RoundResult {
  chats: ChaosChat[];
  logs: Event[][];
  attempts: Attempt[];
  /** What happened when, in words. */
  timeline: string[];
  verdicts: Verdict[];
  violations: string[];
}

const restMs = 60_000;

export async function playRound(servers: ChaosServers, plan: RoundPlan): Promise<RoundResult> {
  const round = new Round(servers, plan);
  try {
    await round.play();
  } catch (error) {
    round.violations.push(
      `The round could not be played to its end: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  await round.judge();
  return round;
}

class Round implements RoundResult {
  readonly chats: ChaosChat[] = [];
  logs: Event[][] = [];
  readonly attempts: Attempt[] = [];
  readonly timeline: string[] = [];
  verdicts: Verdict[] = [];
  readonly violations: string[] = [];
  readonly #servers: ChaosServers;
  readonly #plan: RoundPlan;
  readonly #beganAt = performance.now();
  /** Decisions that nobody answers before the end of the round. */
  readonly #left = new Set<string>();
  readonly #known = new Set<string>();
  /** Another host that already runs. */
  #standby: ServerProgram | undefined;

  constructor(servers: ChaosServers, plan: RoundPlan) {
    this.#servers = servers;
    this.#plan = plan;
  }

  get #client(): BooClient {
    return this.#servers.current.client;
  }

  #note(text: string): void {
    this.timeline.push(`${Math.round(performance.now() - this.#beganAt)} ms: ${text}`);
  }

  async play(): Promise<void> {
    const { ending, moment, delayMs, secondDelayMs, random } = this.#plan;
    const isHost = ending === 'SIGKILL of the server' || ending === 'SIGTERM of the server';
    await this.#setUp();
    if (ending === 'the idle limit') {
      // The limit is a second; it begins with the question.
      await delay(600 + delayMs * (moment === 'during' ? 20 : 2));
      await this.#answerAll();
    } else if (moment === 'before' || moment === 'in the continuation' || moment === 'in the restart') {
      await delay(delayMs);
      await this.#end();
    } else {
      const answers = this.#answerAll();
      let isOver = false;
      void answers.finally(() => (isOver = true));
      // None comes if all are left for the end.
      if (moment === 'after') await until(() => this.attempts.length > 0 || isOver, { what: 'the first answer' });
      await delay(delayMs);
      await this.#end();
      await answers;
    }
    if (isHost) await this.#startNext();
    if (moment === 'in the continuation') {
      const answers = this.#answerAll();
      await delay(secondDelayMs * random());
      await this.#end();
      await answers;
      await this.#startNext();
    }
    await this.#settle();
    await this.#answerLeft();
  }

  async #setUp(): Promise<void> {
    const { ending, chats, seed, successor } = this.#plan;
    const isImpatient = ending === 'the idle limit';
    if (this.#servers.choice.isImpatient !== isImpatient) {
      await this.#servers.end(this.#servers.current.program, 'SIGTERM');
      const choice = { ...this.#servers.choice, isImpatient };
      this.#servers.use(await this.#servers.start(choice), choice);
    }
    if (successor === 'another host that was running') this.#standby = await this.#servers.start(this.#nextChoice());
    const folder = join(this.#servers.workDir, `round-${seed}`);
    await mkdir(folder, { recursive: true });
    await Promise.all(
      chats.map(async ({ kind, hasPromptBehind }, index) => {
        const chat = await openChaosChat(this.#client, kind, this.#plan.engine, join(folder, String(index)));
        this.chats.push(chat);
        const { seq } = await nextEvent(this.#client, chat.id, 'decision_requested');
        if (kind.startsWith('two files') || kind === 'two questions')
          await nextEvent(this.#client, chat.id, 'decision_requested', { after: seq, timeoutMs: 1_500 }).catch(
            () => undefined,
          );
        if (hasPromptBehind) await this.#client.prompt(chat.id, { content: 'stream 2 tokens' });
      }),
    );
    const { items } = await this.#client.listDecisions({ status: 'pending' });
    const own = items.filter(({ chatId }) => this.chats.some(({ id }) => id === chatId));
    this.#note(`${own.length} decisions wait in ${this.chats.length} chats`);
  }

  /** Ends what the plan says. */
  async #end(): Promise<void> {
    const { ending } = this.#plan;
    this.#note(ending);
    if (ending === 'SIGKILL of the agents') return this.#servers.killAgents();
    await this.#servers.end(this.#servers.current.program, ending === 'SIGTERM of the server' ? 'SIGTERM' : 'SIGKILL');
  }

  #nextChoice(): ServerChoice {
    const { successor, isNewerBuild } = this.#plan;
    const { choice } = this.#servers;
    const host = successor === 'the same host' ? choice.host : choice.host === 0 ? 1 : 0;
    return { ...choice, host, isNewer: isNewerBuild };
  }

  async #startNext(): Promise<void> {
    const { moment, secondDelayMs } = this.#plan;
    const next = this.#nextChoice();
    if (moment === 'in the restart') {
      const begun = this.#servers.begin(next);
      await delay(secondDelayMs);
      await this.#servers.end(begun, 'SIGKILL');
      this.#note(`SIGKILL of the server that started for ${Math.round(secondDelayMs)} ms`);
    }
    this.#servers.use(this.#standby ?? (await this.#servers.start(next)), next);
    this.#standby = undefined;
    this.#note(`the next server is ready (host ${next.host}, ${next.isNewer ? 'newer' : 'usual'} build)`);
  }

  /** Every decision that waits now is answered by one or two clients at once, unless it is left for the end. */
  async #answerAll(): Promise<number> {
    const { random } = this.#plan;
    const waiting = await this.#pending().catch(() => []);
    const open = waiting.filter(({ id }) => {
      if (!this.#known.has(id) && random() < 0.12) this.#left.add(id);
      this.#known.add(id);
      return !this.#left.has(id);
    });
    await Promise.all(open.map((decision) => this.#answer(decision)));
    return open.length;
  }

  async #pending(): Promise<Decision[]> {
    const lists = await Promise.all(
      this.chats.map(({ id: chatId }) => this.#client.listDecisions({ status: 'pending', chatId })),
    );
    return lists.flatMap(({ items }) => items);
  }

  async #answer(decision: Decision): Promise<void> {
    const { random } = this.#plan;
    const choices: Choice[] = ['allow', 'allow', 'allow', 'edit', 'deny'];
    const clients = random() < 0.5 ? ['first'] : ['first', 'second'];
    const { client } = this.#servers.current;
    await Promise.all(
      clients.map(async (name) => {
        const answer = answerTo(decision, choices[Math.floor(random() * choices.length)]!, name);
        const tried = { decisionId: decision.id, client: name, answer };
        const [result, detail] = await client.decide(decision.id, answer).then(
          () => ['settled'] as const,
          (error: unknown) =>
            error instanceof BooError && error.code === 'decision_settled'
              ? (['conflict', error.message] as const)
              : (['unknown', error instanceof Error ? error.message : String(error)] as const),
        );
        this.attempts.push({ ...tried, result, ...(detail ? { detail } : {}) });
        this.#note(`${decision.id}: ${answer.outcome} by the ${name} client: ${result} ${detail ?? ''}`);
      }),
    );
  }

  /** Answers until nothing waits but what is left on purpose, and every answer has had its effect. */
  async #settle(): Promise<void> {
    const deadline = performance.now() + restMs;
    for (;;) {
      await this.#answerAll();
      if (await this.#isAtRest()) return;
      if (performance.now() > deadline) throw new Error(`The chats did not come to rest: ${await this.#states()}`);
      await delay(this.attempts.at(-1)?.result === 'unknown' ? 500 : 100);
    }
  }

  async #isAtRest(): Promise<boolean> {
    const waiting = await this.#pending();
    if (waiting.some(({ id }) => !this.#left.has(id))) return false;
    for (const chat of this.chats) {
      const { state, waiting: prompts } = await this.#client.getChat(chat.id);
      const isLeft = waiting.some(({ chatId }) => chatId === chat.id);
      if (isLeft ? state !== 'waiting' : !(state === 'ready' || state === 'cold') || prompts > 0) return false;
      if (!isLeft && (await this.#check(chat)).verdict.violations.length > 0) return false;
    }
    return true;
  }

  async #states(): Promise<string> {
    const states = await Promise.all(
      this.chats.map(async ({ id }) => `${id} ${(await this.#client.getChat(id)).state}`),
    );
    return states.join(', ');
  }

  /** What nobody has answered is still there, and can be answered. */
  async #answerLeft(): Promise<void> {
    if (this.#left.size === 0) return;
    const waiting = new Set((await this.#pending()).map(({ id }) => id));
    for (const id of this.#left)
      if (!waiting.has(id)) this.violations.push(`The unanswered decision ${id} does not wait any more.`);
    this.#note(`${this.#left.size} decisions still wait, and are answered now`);
    this.#left.clear();
    await this.#settle();
  }

  async #check(chat: ChaosChat): Promise<{ log: Event[]; verdict: Verdict }> {
    const log = await readLog(this.#client, chat.id);
    return { log, verdict: checkChat(chat, log, this.attempts, this.#servers.model.requests) };
  }

  async judge(): Promise<void> {
    const checked = await Promise.all(this.chats.map((chat) => this.#check(chat))).catch((error: unknown) => {
      this.violations.push(`The logs could not be read: ${String(error)}`);
      return [];
    });
    this.logs = checked.map(({ log }) => log);
    this.verdicts = checked.map(({ verdict }) => verdict);
    this.violations.push(
      ...checked.flatMap(({ verdict }, index) =>
        verdict.violations.map((text) => `${this.chats[index]!.kind} (chat ${this.chats[index]!.id}): ${text}`),
      ),
    );
  }
}
