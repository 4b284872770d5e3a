/** What a round of the chaos run does, all of it chosen by its seed. Only the machine's own pace is not. */
import { randomOf } from '../random.ts';

export const chatKinds = [
  'command',
  'file',
  'question',
  'plan',
  'two commands',
  'five commands',
  'two files to read',
  'two questions',
] as const;
export type ChatKind = (typeof chatKinds)[number];

export const endings = [
  'SIGKILL of the server',
  'SIGTERM of the server',
  'SIGKILL of the agents',
  'the idle limit',
] as const;
export type Ending = (typeof endings)[number];

/** When it ends: before, during or after the first answers; or a second time, after a restart. */
export const moments = ['before', 'during', 'after', 'in the continuation', 'in the restart'] as const;
export type Moment = (typeof moments)[number];

/** Who answers afterwards. */
export const successors = ['the same host', 'another host', 'another host that was running'] as const;
export type Successor = (typeof successors)[number];

export type Engine = 'claude_sdk' | 'claude_pty';

export interface RoundPlan {
  seed: number;
  engine: Engine;
  chats: { kind: ChatKind; hasPromptBehind: boolean }[];
  ending: Ending;
  moment: Moment;
  /** Between the moment and the end, in ms. */
  delayMs: number;
  /** The same for the second end. */
  secondDelayMs: number;
  successor: Successor;
  isNewerBuild: boolean;
  /** How two clients answer at once, and which decisions wait until the end of the round. */
  random: () => number;
}

const callsOf: Record<ChatKind, number> = {
  command: 1,
  file: 1,
  question: 1,
  plan: 1,
  'two commands': 2,
  'five commands': 5,
  'two files to read': 2,
  'two questions': 2,
};

export function planRound(seed: number, engine: Engine): RoundPlan {
  const random = randomOf(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const chats: RoundPlan['chats'] = [];
  // One, two or five decisions.
  for (let left = pick([1, 2, 2, 5]); left > 0;) {
    const kind = pick(chatKinds.filter((each) => callsOf[each] <= left));
    left -= callsOf[kind];
    chats.push({ kind, hasPromptBehind: random() < 0.2 });
  }
  const ending = pick([...Array.from({ length: 7 }, () => endings[0]), ...endings.slice(1)]);
  const isHost = ending === 'SIGKILL of the server' || ending === 'SIGTERM of the server';
  const moment = pick(isHost ? moments : moments.slice(0, 3));
  const longest = { before: 400, during: 40, after: 400, 'in the continuation': 400, 'in the restart': 400 }[moment];
  const secondDelayMs = random() * (moment === 'in the restart' ? 2_500 : 5_000);
  // A server that is killed while it starts is not one that was running.
  const elsewhere = [successors[1], successors[1], moment === 'in the restart' ? successors[1] : successors[2]];
  const successor = isHost ? pick([...Array.from({ length: 5 }, () => successors[0]), ...elsewhere]) : successors[0];
  return {
    seed,
    engine,
    chats,
    ending,
    moment,
    delayMs: random() * longest,
    secondDelayMs,
    successor,
    isNewerBuild: isHost && random() < 0.3,
    random,
  };
}

export function describePlan({ chats, ending, moment, delayMs, successor, isNewerBuild }: RoundPlan): string {
  const when = `${moment} + ${Math.round(delayMs)} ms`;
  const next = `${successor}${isNewerBuild ? ' with a newer build' : ''}`;
  return `${chats.map(({ kind }) => kind).join(', ')}; ${ending} (${when}); then ${next}`;
}
