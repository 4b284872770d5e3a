/**
 * How the program's hooks reach this process: each is a process of its own that sends its input to a private socket and
 * prints the reply. The socket is in a directory that only this user can enter.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createJsonScan } from '../../lib/json-scan.ts';
import { temporaryPrefix } from '../process-marks.ts';
import { isRecord } from '../claude/mapping/loose-json.ts';

/** More than the program ever sends. */
const jsonBounds = { nodes: 200_000, depth: 200 };

export interface HookCall {
  readonly input: Readonly<Record<string, unknown>>;
  /** Answers the hook; null makes the program continue as if there were none. Only the first answer counts. */
  answer(output: unknown): void;
  /** The hook's process has ended without an answer: nobody is waiting for one. */
  readonly abandoned: Promise<void>;
}

export interface HookServer {
  /** The hook for the program's settings: a program and its arguments, without a shell. */
  readonly command: { type: 'command'; command: string; args: string[]; timeout: number };
  /** Of its socket. */
  readonly directory: string;
  /** Answers every open call with an empty reply. Idempotent. */
  close(): Promise<void>;
}

// A question waits for a person, perhaps over a weekend.
const timeoutSeconds = 7 * 24 * 3600;
const maxInputBytes = 32 * 1024 * 1024;

// Runs as the hook: sends standard input to the socket, and prints the reply. Without the socket it prints nothing,
// which leaves the question to the terminal. The end of its input is marked by a character that cannot occur in JSON:
// if it closed its half of the connection instead, nobody would notice when the hook is killed. It exits once everything
// is printed: `process.exit` alone drops what the pipe has no room for yet.
const relay = `
const socket = require('node:net').connect(process.argv[1]);
socket.on('error', () => process.exit(0));
process.stdin.pipe(socket, { end: false });
process.stdin.on('end', () => socket.write('\\0'));
process.stdout.on('error', () => process.exit(0));
socket.pipe(process.stdout, { end: false });
socket.on('close', () => process.stdout.write('', () => process.exit(0)));`;
const endOfInput = 0;

export async function openHookServer(onCall: (call: HookCall) => void): Promise<HookServer> {
  // Short, because a socket's path is limited to about a hundred characters.
  const directory = await mkdtemp(temporaryPrefix());
  const path = join(directory, 'hooks');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serve(socket, onCall);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  let closing: Promise<void> | undefined;
  return {
    directory,
    command: { type: 'command', command: process.execPath, args: ['-e', relay, path], timeout: timeoutSeconds },
    close() {
      closing ??= (async () => {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        for (const socket of sockets) socket.destroy();
        await closed;
        await rm(directory, { recursive: true, force: true });
      })();
      return closing;
    },
  };
}

function serve(socket: Socket, onCall: (call: HookCall) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxInputBytes) return void socket.destroy();
    chunks.push(chunk);
    if (chunk.at(-1) !== endOfInput) return;
    const input = readHookInput(Buffer.concat(chunks).subarray(0, -1).toString('utf8'));
    if (!input) return void socket.destroy();
    onCall({
      input,
      abandoned: new Promise((resolve) => socket.once('close', resolve)),
      answer(output) {
        if (socket.writable) socket.end(output === null ? '' : JSON.stringify(output));
      },
    });
  });
}

/** What a hook was given; undefined if it is no object, or larger than any. */
export function readHookInput(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    // A command can find this socket, and megabytes of empty lists take seconds to parse.
    if (createJsonScan(jsonBounds)(Buffer.from(text)) !== undefined) return undefined;
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
