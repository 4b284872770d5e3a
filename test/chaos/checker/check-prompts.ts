/**
 * What clients were told about their prompts, against the logs. A prompt whose request got no answer may be stored or
 * not, but not twice: only an acknowledgement and a refusal are definite.
 */
import type { Problem, ProblemKind } from './problem.ts';
import type { Run, StoredEvent } from './read-run.ts';
import type { ClientRecord } from './records.ts';

interface SentPrompt {
  chatId: string;
  promptId: string;
  client: string;
  texts: Set<string>;
  attempts: number;
  receipts: Set<number>;
  refusals: number;
}

export function checkPrompts(run: Run): Problem[] {
  const problems: Problem[] = [];
  const fault = (kind: ProblemKind, text: string): void => void problems.push({ kind, text });
  const stored = storedPrompts(run);
  const sent = sentPrompts(run);

  for (const prompt of sent.values()) {
    const { chatId, promptId, client, texts, receipts, attempts, refusals } = prompt;
    if (!run.logs.has(chatId)) continue;
    const which = `Prompt ${promptId} of ${client} in chat ${chatId}`;
    const events = stored.get(keyOf(prompt)) ?? [];
    const at = events.map(({ seq }) => seq).join(', ');
    if (events.length > 1) fault('doubled', `${which} is in the log ${events.length} times, at ${at}.`);
    if (receipts.size > 0 && events.length === 0) {
      fault('lost', `${which} was acknowledged as event ${[...receipts].join(', ')}, and is not in the log.`);
    }
    // A request without an answer may have been stored before another one was refused.
    const isRefused = refusals > 0 && refusals >= attempts;
    if (isRefused && events.length > 0) fault('refused', `${which} was refused, and is in the log at ${at}.`);
    for (const receipt of receipts) {
      if (events.length > 0 && !events.some(({ seq }) => seq === receipt)) {
        fault('receipt', `${which} was acknowledged as event ${receipt}, and is in the log at ${at}.`);
      }
    }
    for (const event of events) {
      if (!texts.has(textOf(event))) fault('altered', `${which} is in the log at ${event.seq} with another text.`);
    }
  }

  const places = new Map<string, string[]>();
  for (const [key, [event]] of stored) {
    const { chatId, promptId, seq } = event!;
    if (!sent.has(key))
      fault('invented', `Prompt ${promptId} in the log of chat ${chatId}, at ${seq}, was never sent.`);
    const text = textOf(event!);
    places.set(text, [...(places.get(text) ?? []), `${promptId} in chat ${chatId}, at ${seq}`]);
  }
  for (const all of places.values()) {
    if (all.length > 1) fault('doubled', `One text is stored as ${all.length} prompts: ${all.join('; ')}.`);
  }
  for (const [client, records] of run.clients) problems.push(...checkOrder(client, records));
  return problems;
}

/** A prompt that was first sent after another one of its client was acknowledged stands behind it. */
function checkOrder(client: string, records: readonly ClientRecord[]): Problem[] {
  const problems: Problem[] = [];
  /** By chat: the last event that was acknowledged by now. */
  const newest = new Map<string, number>();
  /** By prompt: what had been acknowledged when it was first sent. */
  const before = new Map<string, number>();
  for (const record of records) {
    if (record.kind === 'sent') {
      const key = keyOf(record);
      if (!before.has(key)) before.set(key, newest.get(record.chatId) ?? 0);
    } else if (record.kind === 'acknowledged') {
      const { chatId, promptId, seq } = record;
      const earlier = before.get(keyOf(record)) ?? 0;
      if (seq < earlier) {
        const text = `Prompt ${promptId} of ${client} in chat ${chatId} is event ${seq}, but was sent after event ${earlier} was acknowledged.`;
        problems.push({ kind: 'reordered', text });
      }
      newest.set(chatId, Math.max(newest.get(chatId) ?? 0, seq));
    }
  }
  return problems;
}

function sentPrompts({ clients }: Run): Map<string, SentPrompt> {
  const prompts = new Map<string, SentPrompt>();
  for (const [client, records] of clients) {
    for (const record of records) {
      if (!('promptId' in record)) continue;
      const { chatId, promptId } = record;
      const key = keyOf(record);
      const known = prompts.get(key);
      const none = { chatId, promptId, client, texts: new Set<string>(), attempts: 0, receipts: new Set<number>() };
      const prompt = known ?? { ...none, refusals: 0 };
      if (!known) prompts.set(key, prompt);
      if (record.kind === 'sent') {
        prompt.attempts += 1;
        prompt.texts.add(record.text);
      } else if (record.kind === 'acknowledged') prompt.receipts.add(record.seq);
      else if (record.kind === 'refused') prompt.refusals += 1;
    }
  }
  return prompts;
}

function storedPrompts({ logs }: Run): Map<string, StoredEvent[]> {
  const prompts = new Map<string, StoredEvent[]>();
  for (const [chatId, events] of logs) {
    for (const event of events) {
      if (event.type !== 'prompt_accepted') continue;
      const key = keyOf({ chatId, promptId: event.promptId ?? '' });
      prompts.set(key, [...(prompts.get(key) ?? []), event]);
    }
  }
  return prompts;
}

const keyOf = ({ chatId, promptId }: { chatId: string; promptId: string }): string => `${chatId} ${promptId}`;

/** The text of a stored prompt. */
export function textOf({ content = [] }: Pick<StoredEvent, 'content'>): string {
  return content.map(({ text = '' }) => text).join('');
}
