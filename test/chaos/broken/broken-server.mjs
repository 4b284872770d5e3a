// @ts-check
// Preloaded into `boocode serve` (`node --import`) by a test that wants a server which breaks one promise: it replaces one
// piece of text in one file of the build when that is loaded. The build itself has no switch for this, and stays as it is.
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * @type {Record<string, { file: string, find: string, replace: string }>}
 */
const breaks = {
  // A writer that has lost the chat still writes, as long as nobody else has written.
  epoch: { file: 'store/events.js', find: ' and epoch = ${lease.epoch} and next_seq', replace: ' and next_seq' },
  // It writes whatever others have written.
  fence: { file: 'store/events.js', find: ' and epoch = ${lease.epoch} and next_seq = ${lease.nextSeq}', replace: '' },
  // The receipts of all prompts but a chat's first do not wait until the prompt is stored.
  receipt: {
    file: 'chats/prompt-acceptance.js',
    find: 'const stored = await naming(',
    replace:
      'const stored = await ((...given) => { const write = naming(...given); return log.lease.nextSeq > 1 ? (write.catch(() => undefined), [{ seq: log.lease.nextSeq }]) : write; })(',
  },
  // A reader that comes back misses one event.
  cursor: { file: 'chats/feed.js', find: '? next : null', replace: '? next.slice(1) : null' },
  // A reader that comes back starts over.
  'lost cursor': { file: 'chats/feed.js', find: '[this.#seen, this.#seenAt] = [after, at]', replace: 'void 0' },
};

const { BROKEN_BUILD: build = '', BROKEN_PROMISE: name = '' } = process.env;
const chosen = breaks[name];
if (!chosen) throw new Error(`There is no way to break “${name}”.`);
const path = join(build, chosen.file);
const parts = readFileSync(path, 'utf8').split(chosen.find);
if (parts.length !== 2) throw new Error(`${path} has ${parts.length - 1} times what is to be replaced in it.`);

register('./replace-source.mjs', import.meta.url, {
  data: { url: pathToFileURL(path).href, source: parts.join(chosen.replace) },
});
