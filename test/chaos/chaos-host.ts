/** A host of a run: `boocode serve` as it is built, with a data directory of its own, started again after each end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type BooClient, createClient } from '../../src/client/client.ts';
import { identifyProcess, type ProcessIdentity, withDeathSignal } from '../../src/lib/process-identity.ts';
import { until } from '../support/until.ts';
import type { HostNetwork } from './host-network.ts';
import type { Records } from './records.ts';

/** The built program; another build can be given. */
export const usualProgram = (): string => resolve(process.env['BOOCODE_TEST_PROGRAM'] ?? 'dist/cli/boocode.js');

export interface HostParts {
  slot: number;
  program: string;
  network: HostNetwork;
  /** The host's own directory; its data directory is in there. */
  folder: string;
  /** Where all chats work. */
  workDir: string;
  token: string;
  /** The file of what the scripted agent was asked. */
  modelFile: string;
  records: Records;
}

export interface Life {
  readonly identity: ProcessIdentity;
  /** How its connections are called. */
  readonly writer: string;
  readonly ended: Promise<void>;
  hasEnded(): boolean;
  /** Known once it is ready. */
  hostId: string | undefined;
}

const startLimitMs = 120_000;

export class ChaosHost {
  readonly name: string;
  readonly dataDir: string;
  readonly network: HostNetwork;
  /** Since its first start; the port stays the same. */
  url = '';
  life: Life | undefined;
  /** While a fault is played on it. */
  isDisturbed = false;
  readonly #parts: HostParts;
  #starts = 0;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.name = `host-${parts.slot + 1}`;
    this.network = parts.network;
    this.dataDir = join(parts.folder, 'data');
    for (const folder of [this.dataDir, join(parts.folder, 'home'), join(parts.folder, 'tmp')])
      mkdirSync(folder, { recursive: true });
  }

  /** One attempt per call, and a signal to hang up. */
  client(timeoutMs = 20_000): BooClient {
    return createClient({ url: this.url, token: this.#parts.token, clientName: 'chaos', timeoutMs });
  }

  /** Starts it, and waits until it is ready. Again, if it cannot start because the database is away. */
  async start(): Promise<void> {
    const deadline = performance.now() + startLimitMs;
    for (;;) {
      const { life, output } = this.#spawn();
      const ready = /^BooCode is ready: (http:\/\/\S+)$/m;
      await until(() => ready.test(output()) || life.hasEnded(), { timeoutMs: startLimitMs, what: this.name });
      const url = ready.exec(output())?.[1];
      if (url !== undefined) {
        this.url = url;
        life.hostId = await this.#hostId(life);
        if (life.hasEnded()) continue;
        this.#record('ready', life);
        return;
      }
      if (performance.now() > deadline) throw new Error(`${this.name} does not start:\n${output()}`);
    }
  }

  #spawn(): { life: Life; output: () => string } {
    const { program, network, folder, workDir, token, modelFile } = this.#parts;
    this.#starts += 1;
    const writer = `${this.name}.${this.#starts}`;
    const preload = join(import.meta.dirname, 'host-preload.mjs');
    // In the bundle nothing can be replaced.
    const modules = join(dirname(program), 'main.js');
    const node = [process.execPath, '--import', preload, modules, 'serve', '--idle-seconds', '30'];
    const [first = '', ...rest] = [...network.prefix, ...node];
    // A runner that is killed leaves no host.
    const { command, args } = withDeathSignal(first, rest, 'TERM');
    const child: ChildProcess = spawn(command, args, {
      cwd: workDir,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: join(folder, 'home'),
        TMPDIR: join(folder, 'tmp'),
        LANG: 'C.UTF-8',
        BOOCODE_DATA_DIR: this.dataDir,
        BOOCODE_HOST_NAME: this.name,
        BOOCODE_TOKEN: token,
        BOOCODE_LOG_LEVEL: 'info',
        DATABASE_URL: network.databaseUrl(writer),
        ...network.env,
        CLAUDE_SDK_BACKEND: '1',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
        IS_SANDBOX: '1',
        ANTHROPIC_BASE_URL: network.modelUrl,
        ANTHROPIC_API_KEY: 'sk-demo-0000000000000000',
        CHAOS_BUILD: dirname(dirname(program)),
        CHAOS_MODEL: modelFile,
        CHAOS_ORDERS: this.#ordersFile,
      },
    });
    const identity = identifyProcess(child.pid ?? 0);
    if (!identity) throw new Error(`${this.name} did not start.`);
    const log = createWriteStream(join(folder, 'host.log'), { flags: 'a' });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log.write(text);
      if (output.length < 20_000) output += text;
    });
    child.once('close', () => log.end());
    let isOver = false;
    const ended = once(child, 'exit').then(() => {
      isOver = true;
      this.#record('ended', life);
    });
    const life: Life = { identity, writer, ended, hasEnded: () => isOver, hostId: undefined };
    this.life = life;
    this.#record('started', life);
    return { life, output: () => output };
  }

  async #hostId(life: Life): Promise<string | undefined> {
    let hostId: string | undefined;
    await until(
      async () => {
        hostId = await this.client(5_000)
          .info()
          .then((info) => info.hostId)
          .catch(() => undefined);
        return hostId !== undefined || life.hasEnded();
      },
      { timeoutMs: startLimitMs, what: `the id of ${this.name}` },
    );
    return hostId;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.life && !this.life.hasEnded()) process.kill(this.life.identity.pid, signal);
  }

  /** What the preloaded module does in the process. */
  order(order: { clockMs?: number; blockMs?: number }): void {
    writeFileSync(this.#ordersFile, JSON.stringify(order));
    this.signal('SIGUSR2');
  }

  /** Ends it by a signal, and waits for the end: at most half a minute after a SIGTERM. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { life } = this;
    if (!life || life.hasEnded()) return;
    this.signal(signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), 30_000);
    await life.ended;
    clearTimeout(timer);
  }

  get #ordersFile(): string {
    return join(this.#parts.folder, 'orders.json');
  }

  #record(state: 'started' | 'ready' | 'ended', life: Life): void {
    this.#parts.records.write({ kind: 'host', host: this.name, state, pid: life.identity.pid });
  }
}
