/**
 * (a) The SDK alone: one warm query in its own process, which also measures its times. The options are those of
 * BooCode's sessions, without a session store.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endChild, nextMessage } from '../child.mjs';

export async function openRawSdk(place, name) {
  const room = place.openRoom(name);
  const child = fork(fileURLToPath(new URL('raw-sdk-child.mjs', import.meta.url)), [room.cwd], { env: room.env });
  place.onClose(() => endChild(child));
  await nextMessage(child);
  return {
    /** One turn: {firstMs, resultMs, text}, both from the moment the message was pushed. */
    turn(prompt) {
      const answer = nextMessage(child);
      child.send({ prompt });
      return answer;
    },
  };
}
