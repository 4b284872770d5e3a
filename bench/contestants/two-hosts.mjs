/** Two servers on one Postgres: the same chat, and so the same agent, driven through its host and through the other one. */
import { join } from 'node:path';
import { fromDist } from '../dist.mjs';
import { openBooCode } from './boocode.mjs';

export async function openTwoHosts(place, prompt) {
  const { openEmbeddedPostgres } = await fromDist('store/embedded-postgres/embedded-postgres.js');
  const database = await openEmbeddedPostgres({ dataDir: join(place.root, 'shared') });
  place.onClose(() => database.close());
  const options = { idleSeconds: 3600, databaseUrl: database.url };
  const one = await openBooCode(place, 'host-a', options);
  const two = await openBooCode(place, 'host-b', options);
  // The host that runs its first turn holds it.
  const { id } = await one.http.json('POST', '/v1/chats', { cwd: one.cwd });
  await one.visitChat(id, prompt);
  return {
    direct: { turn: (prompt) => one.visitChat(id, prompt) },
    through: { turn: (prompt) => two.visitChat(id, prompt) },
  };
}
