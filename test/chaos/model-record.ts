import { appendFileSync } from 'node:fs';
import { readConversation } from '../../src/demo/conversation.ts';
import type { DemoModel, RecordedRequest } from '../../src/demo/demo-model.ts';
import { parseRequest } from '../../src/demo/request.ts';
import { sideScripts } from '../../src/demo/side-scripts.ts';

const asides = new Set(sideScripts.map(({ name }) => name));

/** Writes down what the demo model is newly asked with, whenever it is called. */
export function recordModel(model: DemoModel, file: string): () => void {
  let last: RecordedRequest | undefined;
  return () => {
    const fresh = model.requests.slice(last ? model.requests.lastIndexOf(last) + 1 : 0);
    last = fresh.at(-1) ?? last;
    for (const { body, script } of fresh) {
      if (script === null || asides.has(script)) continue;
      const parsed = parseRequest(body);
      if (!parsed.ok) continue;
      const { lastTyped, rounds, notification } = readConversation(parsed.request);
      // The later requests of a turn bring the results of its calls.
      if (rounds.length > 0 || notification !== undefined) continue;
      appendFileSync(file, `${JSON.stringify({ text: lastTyped, atMs: Date.now() })}\n`);
    }
  };
}
