/** Two servers on one Postgres: a chat of the first one, driven directly, and another one, driven through the second one. */
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
  const direct = await one.openChat();
  const held = await one.openChat();
  // The host that runs its first turn holds it.
  await held.turn(prompt);
  return { direct, through: await two.driveChat(held.id) };
}
