/**
 * One client's live socket: any number of chats, each followed by its own reader, and notifications about all chats.
 *
 * The database and the readers are read only while the socket accepts data. Everything queued for it shares one limit:
 * a reader that would exceed it ends as `behind`, and the keep-alive disconnects a peer that accepts nothing at all.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { Backlog, type Chats, type Reader } from '../chats/chats.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { BooError, toBooError } from '../protocol/error.ts';
import type { FeedItem } from '../protocol/event.ts';
import type { LogCursor } from '../protocol/log-cursor.ts';
import { liveClientMessage, type LiveEndReason, type LiveServerMessage } from '../protocol/live.ts';
import { maxLiveFollows, maxLiveMessageBytes } from '../protocol/live-names.ts';
import { recheckEvery } from './chat-guard.ts';
import { keepAlive } from './keep-alive.ts';
import { createLiveNotifications } from './live-notifications.ts';
import type { LiveViewer } from './live-viewer.ts';
import { createSendQueue } from './send-queue.ts';
import { handleMessages, parseMessage } from './socket-messages.ts';

export interface LiveSocketOptions {
  keepAliveMs: number;
  /** How much may be queued for one socket. */
  backlogBytes: number;
  clock: Clock;
  log: Log;
  /** Somebody who does not see all chats. */
  viewer?: LiveViewer | undefined;
  /** A chat that exists is followed. */
  onFollow?: (chatId: string) => void;
}

interface Follow {
  isOver: boolean;
  reader: Reader | undefined;
}

export function serveLive(socket: WebSocket, connection: Duplex, chats: Chats, options: LiveSocketOptions): void {
  const { clock, log, backlogBytes, viewer } = options;
  const follows = new Map<string, Follow>();
  const backlog = new Backlog(backlogBytes);
  const sendQueue = createSendQueue({ socket, connection, clock, onTaken: () => alive.hear() });
  const say = (message: LiveServerMessage): void => sendQueue.put(JSON.stringify(message), 'urgent');
  const fail = (error: unknown): { code: BooError['code']; message: string } => {
    const { code, message } = toBooError(error);
    if (code !== 'internal') return { code, message };
    log.error({ err: error }, 'A live socket failed.');
    return { code, message: 'An internal error occurred.' };
  };
  const notifications = createLiveNotifications({
    chats,
    viewer,
    sendQueue,
    backlogBytes,
    onBehind: () => socket.terminate(),
  });

  function end(chatId: string): void {
    const follow = follows.get(chatId);
    if (!follow) return;
    follows.delete(chatId);
    follow.isOver = true;
    follow.reader?.close();
  }

  async function follow(chatId: string, after: LogCursor): Promise<void> {
    end(chatId);
    if (follows.size >= maxLiveFollows) {
      throw new BooError('invalid_request', `chatId: one connection can follow at most ${maxLiveFollows} chats`);
    }
    const own: Follow = { isOver: false, reader: undefined };
    follows.set(chatId, own);
    const reason = await run(own, chatId, after);
    if (own.isOver) return;
    follows.delete(chatId);
    say({ type: 'ended', chatId, reason });
  }

  /** Sends what the reader yields, and reports why it ended. */
  async function run(own: Follow, chatId: string, after: LogCursor): Promise<LiveEndReason> {
    try {
      if (viewer && !(await viewer.onlyVisible([chatId])).has(chatId)) return 'unknown';
      const reader = (own.reader = await chats.follow(chatId, { after, backlog }));
      if (own.isOver) return 'closing';
      options.onFollow?.(chatId);
      for await (const item of reader.items) {
        if (own.isOver) break;
        sendQueue.put(encode(chatId, item), item.kind === 'delta' ? 'gather' : 'urgent');
        while (!sendQueue.hasRoom) await sendQueue.room();
      }
      return reader.end === 'behind' || reader.end === 'deleted' ? reader.end : 'closing';
    } catch (error) {
      const { code } = fail(error);
      if (code === 'not_found') return 'unknown';
      return code === 'shutting_down' ? 'closing' : 'failed';
    } finally {
      own.reader?.close();
    }
  }

  /** Ends what may not be followed any more. */
  async function recheck(by: LiveViewer, changed?: string): Promise<void> {
    const followed = [...follows.keys()].filter((chatId) => changed === undefined || chatId === changed);
    if (followed.length === 0) return;
    // A database that is away decides nothing.
    const visible = await by.onlyVisible(followed).catch(() => undefined);
    for (const chatId of visible ? followed : []) {
      if (visible!.has(chatId) || !follows.has(chatId)) continue;
      end(chatId);
      say({ type: 'ended', chatId, reason: 'unknown' });
    }
  }
  const stopRechecking = viewer && recheckEvery(clock, viewer, (changed) => recheck(viewer, changed));

  handleMessages(socket, {
    handle(data, isBinary) {
      if (data.length > maxLiveMessageBytes) return socket.close(1009, 'The message is too large.');
      if (isBinary) throw new BooError('invalid_request', 'message: must be text');
      const message = parseMessage(liveClientMessage, data);
      if (message.type === 'ping') say({ type: 'alive' });
      else if (message.type === 'unfollow') end(message.chatId);
      else if (message.type === 'follow') {
        follow(message.chatId, message.after).catch((error: unknown) => say({ type: 'error', ...fail(error) }));
      } else {
        notifications.start().catch((error: unknown) => {
          say({ type: 'error', ...fail(error) });
          // The client reconnects by itself and asks again.
          socket.close(1013, 'The chats could not be read.');
        });
      }
      // A client that accepts nothing may ask for nothing more.
      if (!sendQueue.hasRoom && !socket.isPaused) {
        socket.pause();
        void sendQueue.room().then(() => socket.resume());
      }
    },
    sayError: (error) => say({ type: 'error', ...error }),
    log,
  });
  const alive = keepAlive(socket, {
    ...options,
    onBeat() {
      if (sendQueue.isIdle) say({ type: 'alive' });
    },
  });
  socket.on('close', () => {
    alive.stop();
    stopRechecking?.();
    for (const chatId of follows.keys()) end(chatId);
    notifications.close();
    sendQueue.close();
  });
}

// Several sockets send the same object, mostly one right after another, so the first one's encoding serves all.
let latestBody: object | undefined;
let latestText = '';

function encode(chatId: string, item: FeedItem): string {
  if (item.kind === 'resume') {
    const { kind: _, ...resume } = item;
    return JSON.stringify({ ...resume, chatId } satisfies LiveServerMessage);
  }
  const body = item.kind === 'event' ? item.event : item.delta;
  if (body !== latestBody) {
    const cursor = item.kind === 'event' && item.cursor !== undefined ? `,"cursor":"${item.cursor}"` : '';
    latestText = `{"type":"${item.kind}","${item.kind}":${JSON.stringify(body)}${cursor}}`;
    latestBody = body;
  }
  return latestText;
}
