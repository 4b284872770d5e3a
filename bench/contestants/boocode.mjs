/**
 * (b) BooCode: the real server as a process, with its embedded Postgres (fsync on), driven like any client would:
 * prompts by POST, one SSE feed per chat that stays open.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { endChild } from '../child.mjs';
import { distDirectory, fromDist } from '../dist.mjs';
import { openHttp } from '../http.mjs';
import { firstMarkOf, firstMarks, openFeed } from '../sse-feed.mjs';
import { agentsOf, canSeeProcesses } from '../processes.mjs';

/** The state `cold` is shown as soon as the process is told to exit: here it must have exited. */
export async function untilCold(server, chat) {
  const deadline = performance.now() + 60_000;
  while ((await chat.state()) !== 'cold' || (canSeeProcesses && server.agentCount() > 0)) {
    if (performance.now() > deadline) throw new Error('The chat did not go cold within a minute.');
    await delay(50);
  }
}

/** A person does not write in the moment in which the chat opens. */
const settleMs = 200;

/**
 * `nodeArgs` go to the server's own Node; `prepare` gets the directories before the server starts. With a `databaseUrl` it is
 * one of the hosts of that database. `dist` is the build whose program is started.
 */
export async function openBooCode(
  place,
  name,
  { idleSeconds, flags: others = [], nodeArgs = [], prepare, databaseUrl, dist = distDirectory },
) {
  const { withDeathSignal } = await fromDist('lib/process-identity.js');
  const room = place.openRoom(name);
  const token = randomBytes(32).toString('hex');
  const profile = place.cpuProfDir ? ['--cpu-prof', `--cpu-prof-dir=${place.cpuProfDir}`] : [];
  const dataDir = join(room.directory, 'data');
  await prepare?.({ cwd: room.cwd, dataDir });
  const flags = ['--port', '0', '--data-dir', dataDir, '--idle-seconds', String(idleSeconds), ...others];
  const program = join(dist, 'cli', 'boocode.js');
  const { command, args } = withDeathSignal(
    process.execPath,
    [...profile, ...nodeArgs, program, 'serve', ...flags],
    'TERM',
  );
  const child = spawn(command, args, {
    env: {
      ...room.env,
      BOOCODE_TOKEN: token,
      CLAUDE_SDK_BACKEND: '1',
      ...(databaseUrl && { DATABASE_URL: databaseUrl, BOOCODE_ADVERTISE_URL: 'http://127.0.0.1:0' }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  place.onClose(() => endChild(child));
  const url = await readyUrl(child);
  const http = openHttp(url, token);
  place.onClose(() => http.close());

  /** One turn: {firstMs, resultMs, text}, both from before the prompt is posted. */
  async function runTurn(path, feed, prompt) {
    const turn = feed.nextTurn();
    const startedAt = performance.now();
    const [{ firstAt, finishedAt, text }] = await Promise.all([
      turn,
      http.json('POST', `${path}/prompts`, { content: prompt }),
    ]);
    return { firstMs: firstAt - startedAt, resultMs: finishedAt - startedAt, text };
  }

  async function driveChat(id, backend) {
    const path = `/v1/chats/${id}`;
    const feed = await openFeed(http, `${path}/events?after=0`, firstMarkOf(backend));
    return {
      id,
      /** Milliseconds from before the connection to the whole screen. */
      attach: () => attach(`${url.replace('http', 'ws')}${path}/terminal?access=read`, token),
      state: async () => (await http.json('GET', path)).state,
      /** As the page does when a person opens the chat. */
      warm: () => http.json('POST', `${path}/warm`),
      remove: () => http.json('DELETE', path),
      turn: (prompt) => runTurn(path, feed, prompt),
    };
  }

  /** A turn of a chat that any server may hold, followed through this one for as long as the turn takes. */
  async function visitChat(id, prompt) {
    const path = `/v1/chats/${id}`;
    const { head } = await http.json('GET', path);
    const feed = await openFeed(http, `${path}/events?after=${head}`, firstMarks.streamed);
    await delay(settleMs);
    try {
      return await runTurn(path, feed, prompt);
    } finally {
      feed.close();
    }
  }

  return {
    pid: child.pid,
    url,
    token,
    http,
    cwd: room.cwd,
    info: () => http.json('GET', '/v1/info'),
    /** How many agent processes the server has. */
    agentCount: () => agentsOf(child.pid).length,
    visitChat,
    async openChat(backend = 'claude_sdk') {
      return driveChat((await http.json('POST', '/v1/chats', { cwd: room.cwd, backend })).id, backend);
    },
  };
}

async function attach(url, token) {
  const startedAt = performance.now();
  const socket = new WebSocket(url, ['boocode.terminal'], { headers: { authorization: `Bearer ${token}` } });
  try {
    const [message, isBinary] = await once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
    const shownAt = performance.now();
    const { type, data } = isBinary ? {} : JSON.parse(message.toString());
    // Its input line is always visible; its banner scrolls away after some turns.
    if (type !== 'screen' || !data.includes('❯')) throw new Error('The first message was not a screen of the program.');
    return shownAt - startedAt;
  } finally {
    socket.terminate();
  }
}

async function readyUrl(child) {
  let said = '';
  child.stderr.on('data', (chunk) => (said = (said + chunk).slice(-4000)));
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`The server ended with ${code} before it was ready.\n${said}`);
  });
  ended.catch(() => undefined);
  const ready = new Promise((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, url] = /^BooCode is ready: (\S+)$/.exec(line) ?? [];
      if (url) resolve(url);
    });
  });
  return Promise.race([ready, ended]);
}
