/** Plays rounds of the chaos run, and says what they have shown. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChaosServers, openChaosServers } from './chaos-servers.ts';
import { checkChat, type Effect } from './check-chat.ts';
import { playRound, type RoundResult } from './play-round.ts';
import { describePlan, type Engine, planRound, type RoundPlan } from './round-plan.ts';

export interface ChaosOptions {
  /** An empty database. */
  databaseUrl: string;
  /** One for each round. */
  seeds: readonly number[];
  /** The backend of the chats. */
  engine?: Engine;
  /** Progress in lines. */
  tell: (line: string) => void;
  signal?: AbortSignal;
}

export interface ChaosReport {
  /** Of the rounds that were played. */
  seeds: number[];
  kills: { servers: number; agents: number };
  decisions: number;
  /** Answers that a client got a 200 for. */
  acknowledged: number;
  effects: Record<Effect, number>;
  violations: { seed: number; plan: string; text: string }[];
  /** Logs, requests and timelines of the rounds with violations; null if there are none. */
  keptIn: string | null;
  seconds: number;
}

export async function runChaos({
  databaseUrl,
  seeds,
  engine = 'claude_sdk',
  tell,
  signal,
}: ChaosOptions): Promise<ChaosReport> {
  const beganAt = performance.now();
  const servers = await openChaosServers(databaseUrl);
  const report: ChaosReport = {
    seeds: [],
    kills: servers.kills,
    decisions: 0,
    acknowledged: 0,
    effects: {
      'took effect': 0,
      denied: 0,
      'unknown, says the log': 0,
      'without effect, says the log': 0,
      'interrupted, says the log': 0,
    },
    violations: [],
    keptIn: null,
    seconds: 0,
  };
  const played: { plan: RoundPlan; result: RoundResult }[] = [];
  const blame = async (plan: RoundPlan, result: RoundResult, violations: readonly string[]): Promise<void> => {
    if (violations.length === 0) return;
    report.keptIn ??= await mkdtemp(join(tmpdir(), 'boocode-chaos-'));
    await keep(join(report.keptIn, `seed-${plan.seed}`), servers, plan, { ...result, violations: [...violations] });
    for (const text of violations) report.violations.push({ seed: plan.seed, plan: describePlan(plan), text });
  };
  try {
    const first = { host: 0, isNewer: false, isImpatient: false } as const;
    servers.use(await servers.start(first), first);
    for (const seed of seeds) {
      if (signal?.aborted) break;
      const plan = planRound(seed, engine);
      const result = await playRound(servers, plan);
      report.seeds.push(seed);
      report.acknowledged += result.attempts.filter((attempt) => attempt.result === 'settled').length;
      for (const effect of result.verdicts.flatMap(({ effects }) => [...effects.values()])) {
        report.decisions += 1;
        report.effects[effect] += 1;
      }
      await blame(plan, result, result.violations);
      const how = result.violations.length === 0 ? 'ok' : `VIOLATED: ${result.violations.join(' ')}`;
      tell(`${report.seeds.length}/${seeds.length} seed ${seed}: ${describePlan(plan)}: ${how}`);
      if (result.violations.length === 0) played.push({ plan, result });
      else await startAfresh(servers);
    }
    // Whatever was started since then has not run anything again.
    for (const { plan, result } of played) {
      const late = result.chats.flatMap((chat, index) =>
        checkChat(chat, result.logs[index]!, result.attempts, servers.model.requests).violations.map(
          (text) => `Later: ${text}`,
        ),
      );
      await blame(plan, result, late);
    }
  } finally {
    await servers.close();
  }
  return { ...report, seconds: Math.round((performance.now() - beganAt) / 1000) };
}

/** The next round does not begin with what a violated one has left. */
async function startAfresh(servers: ChaosServers): Promise<void> {
  const { program } = servers.current;
  if (!program.exit) await servers.end(program, 'SIGTERM').catch(() => undefined);
  servers.use(await servers.start(servers.choice), servers.choice);
}

async function keep(folder: string, servers: ChaosServers, plan: RoundPlan, result: RoundResult): Promise<void> {
  await mkdir(folder);
  const json = (name: string, value: unknown) =>
    writeFile(join(folder, `${name}.json`), JSON.stringify(value, null, 2));
  await json('plan', plan);
  await json('result', { violations: result.violations, timeline: result.timeline, attempts: result.attempts });
  for (const [index, chat] of result.chats.entries())
    await json(`chat-${chat.id}`, { ...chat, log: result.logs[index] });
  const isOwn = (text: string): boolean =>
    result.chats.some((_, index) => text.includes(`round-${plan.seed}/${index}/`));
  await json(
    'requests',
    servers.model.requests.filter(({ body }) => isOwn(JSON.stringify(body ?? null))),
  );
  await writeFile(join(folder, 'servers.log'), servers.stderr);
}

export function reportText(report: ChaosReport): string {
  const { seeds, kills, decisions, acknowledged, effects, violations, keptIn, seconds } = report;
  const lines = [
    `${seeds.length} rounds from seed ${seeds[0]} in ${seconds} s: ${kills.servers} servers and ${kills.agents} agents were killed.`,
    `${decisions} decisions were settled, ${acknowledged} answers acknowledged:`,
    ...Object.entries(effects).map(([effect, count]) => `  ${count} ${effect}`),
    violations.length === 0 ? 'Nothing was violated.' : `${violations.length} violations:`,
    ...violations.map((each) => `  seed ${each.seed} (${each.plan}): ${each.text}`),
  ];
  if (keptIn !== null)
    lines.push(`Logs, requests and timelines are in ${keptIn}.`, 'Repeat one with --seed SEED --rounds 1.');
  return lines.join('\n');
}
