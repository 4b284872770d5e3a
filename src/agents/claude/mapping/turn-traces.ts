import type { Usage } from '../../../protocol/event.ts';
import { mostOf, sumOf, noUsage } from '../../../protocol/usage.ts';
import type { CountedRequests, TurnTraces } from '../../agent-backend.ts';
import { asList, asRecord, asText, isRecord } from './loose-json.ts';
import { syntheticModel } from './map-assistant.ts';
import { readUsage } from './model-costs.ts';

/**
 * What transcript lines show of a turn whose end was never recorded. A request has one line per block of its answer,
 * all with the same id, and is counted once; if its numbers grow while it streams, the largest counts. Requests in
 * `except`, by request id or message id, were counted elsewhere.
 */
export function createTurnTraces(except: CountedRequests = new Set()): TurnTraces {
  const requests = new Map<string, { model: string; usage: Usage; isExcepted: boolean }>();
  const finishedCalls = new Set<string>();

  const isExcepted = (id: unknown): boolean => except === 'all' || (typeof id === 'string' && except.has(id));

  function sums(isCounted: (request: { isExcepted: boolean }) => boolean): Record<string, Usage> {
    const models = new Map<string, Usage>();
    for (const request of requests.values()) {
      if (!isCounted(request)) continue;
      models.set(request.model, sumOf(models.get(request.model) ?? noUsage, request.usage));
    }
    return Object.fromEntries(models);
  }

  return {
    finishedCalls,
    add(json) {
      const entry = asRecord(JSON.parse(json));
      const used = requestOf(entry);
      if (used) {
        const before = requests.get(used.messageId)?.usage ?? noUsage;
        requests.set(used.messageId, {
          model: used.model,
          usage: mostOf(before, used.usage),
          isExcepted: isExcepted(used.messageId) || isExcepted(used.requestId),
        });
      }
      if (entry['type'] !== 'user') return;
      for (const block of asList(asRecord(entry['message'])['content']).map(asRecord)) {
        const id = block['type'] === 'tool_result' ? block['tool_use_id'] : undefined;
        if (typeof id === 'string') finishedCalls.add(id);
      }
    },
    get seen() {
      return sums(() => true);
    },
    get spent() {
      return sums((request) => !request.isExcepted);
    },
  };
}

/** The model request whose answer a transcript line is part of, and its usage so far. */
export function requestOf(
  entry: Readonly<Record<string, unknown>>,
): { messageId: string; requestId: string | undefined; model: string; usage: Usage } | undefined {
  const { id, model, usage } = asRecord(entry['message']);
  if (entry['type'] !== 'assistant' || typeof id !== 'string' || typeof model !== 'string') return undefined;
  if (model === syntheticModel || !isRecord(usage)) return undefined;
  return {
    messageId: id,
    requestId: asText(entry['requestId']),
    model,
    usage: readUsage(usage),
  };
}
