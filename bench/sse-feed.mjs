/**
 * Follows one chat. While a turn streams, its text is only searched for two marks; frames are parsed once it is over,
 * so the reader's work is not part of the measurement.
 */
/** The first part of an answer: a delta on a backend that always streams, a preview or the whole answer on another. */
export const firstMarks = { streamed: '"type":"agent_message_chunk"', either: '"type":"agent_message' };
export const firstMarkOf = (backend) => (backend === 'claude_sdk' ? firstMarks.streamed : firstMarks.either);
const endMark = '"type":"turn_finished"';
const tailChars = 50;
const turnLimitMs = 60_000;

export async function openFeed(http, path, firstMark) {
  const response = await http.stream(path);
  let turn;
  const fail = (error) => turn?.reject(error);
  response.on('data', (chunk) => {
    if (!turn) return;
    const now = performance.now();
    // A mark may span two chunks, so the search goes back a little.
    const fresh = turn.tail + chunk;
    turn.tail = fresh.slice(-tailChars);
    turn.chunks.push(chunk);
    if (turn.firstAt === undefined && fresh.includes(firstMark)) turn.firstAt = now;
    turn.sawEnd ||= fresh.includes(endMark);
    if (turn.sawEnd && fresh.endsWith('\n\n')) turn.resolve(now);
  });
  response.on('error', fail);
  response.on('close', () => fail(new Error('The feed ended.')));

  return {
    /** The next turn: {firstAt, finishedAt, text}. Request it before its prompt is sent. */
    async nextTurn(limitMs = turnLimitMs) {
      const { resolve, reject, promise } = withResolvers();
      const timer = setTimeout(() => reject(new Error(`No turn within ${limitMs} ms.`)), limitMs);
      turn = { chunks: [], tail: '', firstAt: undefined, sawEnd: false, resolve, reject };
      const own = turn;
      try {
        const finishedAt = await promise;
        const { outcome, text } = read(own.chunks.join(''), firstMark === firstMarks.streamed);
        if (outcome !== 'completed') throw new Error(`BooCode's turn ended as ${outcome}.`);
        return { firstAt: own.firstAt, finishedAt, text };
      } finally {
        clearTimeout(timer);
        turn = undefined;
      }
    },
    close: () => response.destroy(),
  };
}

function read(raw, isStreamed) {
  const items = raw.split('\n\n').flatMap((frame) => {
    const data = frame.split('\n').find((line) => line.startsWith('data: '));
    return data === undefined ? [] : [JSON.parse(data.slice('data: '.length))];
  });
  const chunks = items.filter((item) => item.type === 'agent_message_chunk');
  const messages = items.filter((item) => item.type === 'agent_message');
  return {
    outcome: items.find((item) => item.type === 'turn_finished')?.outcome,
    text: (isStreamed ? chunks.map((item) => item.content) : messages.flatMap((item) => item.content))
      .map((block) => block.text)
      .join(''),
  };
}

function withResolvers() {
  let resolve, reject;
  const promise = new Promise((done, failed) => ([resolve, reject] = [done, failed]));
  return { resolve, reject, promise };
}
