import { tmpdir } from 'node:os';

const keepListed = 3;
const longLists = ['tools', 'slash_commands', 'terminal_slash_commands', 'agents', 'skills', 'plugins'];
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** The frames as lines. An id that occurs several times stays the same id. */
export function normalise(room, frames) {
  const ids = new Map();
  const numbered = (id, make) => {
    if (!ids.has(id)) ids.set(id, make(ids.size + 1));
    return ids.get(id);
  };
  const slug = (path) => path.replaceAll(/[^A-Za-z0-9]/g, '-');
  const neutral = (text) =>
    text
      .replaceAll(room.model.url.replace('http://', ''), '127.0.0.1:4010')
      .replaceAll(room.cwd, '/workspace')
      .replaceAll(slug(room.cwd), '-workspace')
      .replaceAll(room.home, '/home/user')
      .replaceAll(room.temporary, '/tmp')
      .replaceAll(room.root, '/room')
      .replaceAll(tmpdir(), '/tmp')
      .replaceAll(/\/claude-\d+\//g, '/claude-1000/')
      .replaceAll(/\/cc-socks\/\d+\./g, '/cc-socks/1.')
      .replaceAll(uuid, (id) => numbered(id, (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`))
      .replaceAll(/\b(msg|toolu|req)_demo_[0-9a-f]+/g, (id, kind) => numbered(id, (n) => `${kind}_demo_${n}`));

  const short = frames.map((frame) => {
    if (frame.subtype !== 'init') return structuredClone(frame);
    const copy = { ...frame };
    for (const list of longLists) if (Array.isArray(frame[list])) copy[list] = frame[list].slice(0, keepListed);
    return copy;
  });
  neutralInputs(short, neutral);
  return short.map((frame) => neutral(JSON.stringify(frame)));
}

/**
 * A tool's input streams in pieces, and a path may span two of them: the joined input is neutralized and split again.
 * It gets shorter, so the last pieces may be empty.
 */
function neutralInputs(frames, neutral) {
  const open = new Map();
  for (const frame of frames) {
    if (frame.type !== 'stream_event') continue;
    const { event } = frame;
    const key = `${frame.parent_tool_use_id} ${event.index}`;
    if (event.type === 'content_block_start') open.set(key, []);
    if (event.type === 'content_block_delta' && event.delta.type === 'input_json_delta') {
      open.get(key)?.push(event.delta);
    }
    if (event.type !== 'content_block_stop') continue;
    const deltas = open.get(key) ?? [];
    open.delete(key);
    const joined = neutral(deltas.map((delta) => delta.partial_json).join(''));
    const size = Math.max(0, ...deltas.map((delta) => delta.partial_json.length));
    deltas.forEach((delta, index) => {
      const last = index === deltas.length - 1;
      delta.partial_json = joined.slice(index * size, last ? undefined : (index + 1) * size);
    });
  }
}
