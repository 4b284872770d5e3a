import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { eventsOf, runTurn, type Turn } from '../support/turns.ts';

/** A user's home as it usually is: without CLAUDE_CONFIG_DIR the program uses `~/.claude` and `~/.claude.json`. */
let model: DemoModel;
let database: TestDatabase;
let home: ProgramHome;
let server: ServerProgram;

beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  home = await openProgramHome({ env: warmEnv(model, database) });
  const commands = join(home.home, '.claude', 'commands');
  await mkdir(commands, { recursive: true });
  await writeFile(join(commands, 'greet.md'), 'who are you');
  server = await home.serve('serve');
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await model.close();
});

async function restart(): Promise<void> {
  server.program.kill('SIGTERM');
  expect(await server.program.ended()).toEqual({ code: 0, signal: null });
  server = await home.serve('serve');
}

const projects = (): string => join(home.home, '.claude', 'projects');
const transcripts = (): string[] =>
  readdirSync(projects(), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.jsonl'));
const sessionOf = ({ events }: Turn): string | undefined => eventsOf(events, 'session_started')[0]?.sessionId;
const commandsOf = ({ events }: Turn): string[] =>
  eventsOf(events, 'available_commands_update').flatMap((event) => event.commands.map((command) => command.name));

test('AGENT-2 AGENT-7: a chat continues after a restart, from the usual place, with the user’s own commands', async () => {
  const chat = await server.client.createChat({ cwd: home.workDir });
  const first = await runTurn(server.client, chat.id, 'think');
  expect(commandsOf(first)).toContain('greet');
  expect(transcripts()).toHaveLength(1);
  expect(existsSync(join(home.home, '.claude.json'))).toBe(true);

  await restart();
  const next = await runTurn(server.client, chat.id, 'what did I say');
  expect(next.text).toContain('You said: "think".');
  expect(sessionOf(next)).toBe(sessionOf(first));
  expect(commandsOf(next)).toContain('greet');
  expect((await runTurn(server.client, chat.id, '/greet')).text).toContain('scripted demo model');
  expect(transcripts()).toHaveLength(1);
});

test('AGENT-2: a chat continues when the program’s own files are gone', async () => {
  const chat = await server.client.createChat({ cwd: home.workDir });
  await runTurn(server.client, chat.id, 'remember the wood');
  await restart();
  await rm(projects(), { recursive: true });
  expect((await runTurn(server.client, chat.id, 'what did I say')).text).toContain('"remember the wood"');
});
