/** The servers of a chaos run: two hosts with data directories of their own, one database, two builds. */
import { type DemoModel, startDemoModel } from '../../../src/demo/demo-model.ts';
import { makeNewerBuild } from '../newer-build.ts';
import { markOf, processesWith } from '../processes.ts';
import { openProgramHome, type RunningProgram, type ServerProgram, warmEnv } from '../program.ts';

export interface ServerChoice {
  host: 0 | 1;
  isNewer: boolean;
  /** Agents are freed after a second. */
  isImpatient: boolean;
}

export interface ChaosServers {
  readonly model: DemoModel;
  /** The one that clients talk to. */
  readonly current: ServerProgram;
  readonly choice: ServerChoice;
  /** How many processes were killed so far: servers and agents. */
  readonly kills: { servers: number; agents: number };
  /** A directory for chats. */
  readonly workDir: string;
  /** What all servers have written to their standard error so far. */
  readonly stderr: string;
  start(choice: ServerChoice): Promise<ServerProgram>;
  /** Starts one, and does not wait until it is ready. */
  begin(choice: ServerChoice): RunningProgram;
  use(server: ServerProgram, choice: ServerChoice): void;
  end(program: RunningProgram, signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Kills the agents of the current server. */
  killAgents(): void;
  close(): Promise<void>;
}

export async function openChaosServers(databaseUrl: string): Promise<ChaosServers> {
  const model = await startDemoModel({ keepRequests: 100_000 });
  const newer = await makeNewerBuild();
  let build: string | undefined;
  const env = warmEnv(model, { url: databaseUrl });
  const options = { env, build: () => build };
  const homes = [await openProgramHome(options), await openProgramHome(options)] as const;
  const started: RunningProgram[] = [];
  let current: { server: ServerProgram; choice: ServerChoice } | undefined;
  const kills = { servers: 0, agents: 0 };
  const argsOf = ({ isImpatient }: ServerChoice): string[] => (isImpatient ? ['--idle-seconds', '1'] : []);
  const settle = (choice: ServerChoice): void => void (build = choice.isNewer ? newer.program : undefined);
  const use: ChaosServers['use'] = (server, choice) => {
    current = { server, choice };
  };
  const known = (): { server: ServerProgram; choice: ServerChoice } => {
    if (!current) throw new Error('No server was started.');
    return current;
  };
  return {
    model,
    kills,
    workDir: homes[0].workDir,
    get current() {
      return known().server;
    },
    get choice() {
      return known().choice;
    },
    get stderr() {
      return started.map((each) => each.stderr).join('');
    },
    async start(choice) {
      settle(choice);
      const server = await homes[choice.host].serve('serve', argsOf(choice));
      started.push(server.program);
      const { version } = await server.client.info();
      if (choice.isNewer !== (version === newer.version)) throw new Error(`The server is of version ${version}.`);
      return server;
    },
    begin(choice) {
      settle(choice);
      const program = homes[choice.host].start(['serve', ...argsOf(choice)]);
      started.push(program);
      return program;
    },
    use,
    async end(program, signal) {
      if (signal === 'SIGKILL') kills.servers += 1;
      program.kill(signal);
      await program.ended();
    },
    killAgents() {
      const all = processesWith(markOf(known().server.program.identity));
      // On the SDK, or in a terminal.
      for (const { pid } of all.filter(({ command }) => /stream-json|--permission-mode/.test(command))) {
        kills.agents += 1;
        process.kill(pid, 'SIGKILL');
      }
    },
    async close() {
      await Promise.all(homes.map((home) => home.remove()));
      await model.close();
      await newer.remove();
    },
  };
}
