// A round of `npm run chaos:decisions`.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runChaos } from '../support/decision-chaos/run-chaos.ts';
import { planRound } from '../support/decision-chaos/round-plan.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('DECIDE-14 DECIDE-15 DECIDE-19: decisions survive SIGKILL around their answers, another host and a newer build', async () => {
  const seeds = [206];
  const plans = seeds.map((seed) => planRound(seed, 'claude_sdk'));
  expect(plans.map(({ ending, isNewerBuild, successor }) => [ending, isNewerBuild, successor])).toEqual([
    ['SIGKILL of the server', true, 'another host'],
  ]);
  const report = await runChaos({ databaseUrl: database.url, seeds, tell: () => {} });
  expect(report.violations).toEqual([]);
  expect(report).toMatchObject({ seeds, keptIn: null });
  expect(report.kills.servers).toBeGreaterThanOrEqual(1);
  expect(report.decisions).toBeGreaterThanOrEqual(2);
}, 240_000);
