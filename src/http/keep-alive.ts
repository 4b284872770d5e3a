import type { WebSocket } from 'ws';
import type { Clock } from '../lib/clock.ts';

export interface KeepAlive {
  /** Call it for a sign of life other than a message or a pong. */
  hear(): void;
  stop(): void;
}

/**
 * Pings every `keepAliveMs`. Anything received counts as a sign of life; a peer that gives none for two intervals is
 * disconnected.
 */
export function keepAlive(
  socket: WebSocket,
  { clock, keepAliveMs, onBeat }: { clock: Clock; keepAliveMs: number; readonly onBeat?: () => void },
): KeepAlive {
  let isHeard = true;
  const hear = (): void => void (isHeard = true);
  socket.on('pong', hear);
  socket.on('message', hear);
  const beat = (): void => {
    if (!isHeard) return socket.terminate();
    isHeard = false;
    if (socket.readyState === socket.OPEN) socket.ping();
    onBeat?.();
    stop = clock.after(keepAliveMs, beat);
  };
  let stop = clock.after(keepAliveMs, beat);
  return { hear, stop: () => stop() };
}
