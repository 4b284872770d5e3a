/** Requests the program makes for itself: the answer has the form it expects, and no script is used up. */
import { z } from 'zod';
import type { Conversation } from './conversation.ts';
import { say, type Step } from './reply.ts';
import type { Script } from './script.ts';

const schemaNode = z.looseObject({
  type: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
});

/** The smallest value that matches the schema, with `text` for every string. */
function valueFor(schema: unknown, text: string): unknown {
  const parsed = schemaNode.safeParse(schema);
  if (!parsed.success) return null;
  const node = parsed.data;
  if (node.enum) return node.enum[0];
  switch (node.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(node.properties ?? {}).map(([name, property]) => [name, valueFor(property, text)]),
      );
    case 'array':
      return [];
    case 'boolean':
      return false;
    case 'number':
    case 'integer':
      return 0;
    default:
      return text;
  }
}

function title(c: Conversation): string {
  const words = c.lastTyped
    .replace(/<[^>]*>/g, ' ')
    .split(/\s+/)
    .filter(Boolean)
    .slice(0, 6)
    .join(' ');
  return words === '' ? 'Demo' : `Demo: ${words}`;
}

const compaction = /Your task is to create a detailed summary of/;

function summary(c: Conversation): Step[] {
  const lines = c.typed
    .filter((text) => !compaction.test(text))
    .map((text) => `- The person said: ${JSON.stringify(text)}`);
  return [say(`<analysis>A script looks back.</analysis>\n<summary>\n${lines.join('\n')}\n</summary>`)];
}

export const sideScripts: readonly Script[] = [
  {
    name: 'side request',
    when: (c) => c.aside,
    reply: (c) => [say(c.schema === null ? title(c) : JSON.stringify(valueFor(c.schema, title(c))))],
  },
  { name: 'compaction', when: (c) => compaction.test(c.lastTyped), reply: summary },
  {
    // The program asks what the person might type next.
    name: 'suggestion',
    when: (c) => c.lastTyped.startsWith('[SUGGESTION MODE:'),
    reply: () => [say('list the files here')],
  },
  {
    name: 'task notification',
    when: (c) => c.notification !== undefined,
    reply(c) {
      const text = /<summary>([\s\S]*?)<\/summary>/.exec(c.notification ?? '')?.[1]?.trim();
      return [say(`A background task reports: ${text ?? 'it has ended.'}`)];
    },
  },
];
