import { type Command, Option } from 'commander';
import { type BooClient, BooError, type Chat, isUnreachable, type TerminalConnection } from '../client/client.ts';
import { createRetryDelay, wait } from '../client/retry-delay.ts';
import { type Cli, connect, type GlobalFlags, misuse } from './cli.ts';
import { type DetachKey, detachKey } from './detach-key.ts';
import { findChat } from './find-chat.ts';
import { LocalTerminal } from './local-terminal.ts';
import { LookingOn } from './looking-on.ts';
import { loadSocket } from './node-socket.ts';
import { PasteReader } from './paste-reader.ts';
import { plainText } from './plain-text.ts';
import type { Shown } from './shown.ts';

interface AttachFlags extends GlobalFlags {
  readOnly?: true;
  detachKey: DetachKey;
}

/** Why it is over: the person left, the program ended, a signal arrived, or something failed. */
type Leave = { why: 'detached' } | { why: 'ended'; reason: string } | { why: 'signal'; signal: NodeJS.Signals };

export function addAttach(program: Command, cli: Cli): void {
  program
    .command('attach')
    .description("Use the terminal of a chat's agent here; Ctrl-] leaves it, and the agent continues")
    .argument('<chat>', 'the id of the chat or the start of it')
    .option('--read-only', 'only watch: type nothing, and do not affect the size')
    .addOption(
      new Option('--detach-key <key>', 'the key that leaves: ctrl- and a letter or one of @ \\ ] ^ _')
        .argParser(detachKey)
        .default(detachKey('ctrl-]'), 'ctrl-]'),
    )
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<AttachFlags>();
      if (!process.stdin.isTTY || !process.stdout.isTTY) {
        throw misuse('attach needs a terminal: neither its input nor its output may be a file or a pipe.');
      }
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      cli.exitCode = await attach(cli, client, chat, flags);
    });
}

async function attach(cli: Cli, client: BooClient, chat: Chat, flags: AttachFlags): Promise<number> {
  const { terminal: print } = cli;
  const WebSocket = await loadSocket();
  const open = (): Promise<TerminalConnection> =>
    client.terminal(chat.id, {
      access: flags.readOnly ? 'read' : 'write',
      size: { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 },
      WebSocket,
    });
  // Report what cannot be attached before changing anything here.
  const first = await open();
  const reads = flags.readOnly ? ', watching only' : '';
  print.err(`Attached to chat ${chat.id}${reads}. ${flags.detachKey.name} leaves it; the agent continues.\n`);
  const leave = await lend(first, open, flags);
  if (leave.why === 'signal') {
    // As if it had not been caught, now that the terminal is restored.
    process.kill(process.pid, leave.signal);
    return 1;
  }
  const end =
    leave.why === 'ended'
      ? `The terminal has ended: ${plainText(leave.reason)}`
      : 'Left the terminal. The agent continues.';
  print.err(`${end}\n`);
  return 0;
}

/** Shows the terminal here until it is left, across broken connections. */
async function lend(
  first: TerminalConnection,
  open: () => Promise<TerminalConnection>,
  { detachKey: key, readOnly }: AttachFlags,
): Promise<Leave> {
  const left = new AbortController();
  let leave: Leave | undefined;
  const leaveFor = (why: Leave): void => {
    leave ??= why;
    left.abort();
    connection.close();
  };
  let connection = first;
  const reader = new PasteReader({
    onKeys(data) {
      const at = key.find(data);
      connection.write(at === -1 ? data : data.subarray(0, at));
      if (at !== -1) leaveFor({ why: 'detached' });
    },
    onPaste: (text) => connection.paste(text),
    onStale(data) {
      if (key.find(data) !== 0) return false;
      leaveFor({ why: 'detached' });
      return true;
    },
  });
  const local = new LocalTerminal((data) => reader.push(data));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const handlers = signals.map((signal) => {
    const handler = (): void => {
      local.giveBack();
      leaveFor({ why: 'signal', signal });
    };
    process.once(signal, handler);
    return () => process.off(signal, handler);
  });
  local.onResize((size) => connection.resize(size));
  let shown: Shown = local;

  try {
    if (readOnly) shown = await LookingOn.open(local);
    for (;;) {
      try {
        const reason = await carry(connection, shown, local);
        if (leave) return leave;
        return { why: 'ended', reason };
      } catch (error) {
        if (leave) return leave;
        if (!isUnreachable(error)) throw error;
        await local.say(`The server is unreachable: retrying. ${key.name} leaves.`);
        const again = await reopen(open, left.signal);
        if (!again) return leave ?? { why: 'detached' };
        connection = again;
        connection.resize(local.size);
      }
    }
  } finally {
    connection.close();
    reader.close();
    shown.close();
    for (const off of handlers) off();
    local.giveBack();
  }
}

/** Shows what arrives until the terminal has ended; returns the reason. */
async function carry(connection: TerminalConnection, shown: Shown, local: LocalTerminal): Promise<string> {
  for await (const item of connection.items) {
    if (item.type === 'screen') await shown.drawScreen(item.data, item.size);
    else if (item.type === 'output') await shown.draw(item.data);
    else if (item.type === 'size') shown.resize(item.size);
    else if (item.type === 'error') await local.say(plainText(item.message));
    else if (item.type === 'ended') return item.reason;
  }
  return '';
}

/** A new connection as soon as there is one; undefined if the signal comes first. Throws what a retry cannot fix. */
async function reopen(
  open: () => Promise<TerminalConnection>,
  signal: AbortSignal,
): Promise<TerminalConnection | undefined> {
  const delay = createRetryDelay({ minMs: 250, maxMs: 5_000 });
  for (;;) {
    await wait(delay.next(), signal);
    if (signal.aborted) return undefined;
    try {
      const connection = await open();
      if (!signal.aborted) return connection;
      connection.close();
      return undefined;
    } catch (error) {
      const status = error instanceof BooError ? error.details['status'] : undefined;
      // A server that is starting or stopping says so with its own status.
      if (!isUnreachable(error) && !(typeof status === 'number' && status >= 500)) throw error;
    }
  }
}
