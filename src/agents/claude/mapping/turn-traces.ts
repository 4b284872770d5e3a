import { noUsage } from '../../../protocol/event.ts';
import type { ModelCost, TurnTraces } from '../../agent-backend.ts';
import { asList, asRecord, isRecord } from './loose-json.ts';
import { syntheticModel } from './map-assistant.ts';
import { readUsage } from './model-costs.ts';

const counters = Object.keys(noUsage) as (keyof typeof noUsage)[];

/**
 * What the transcript's own lines say of a turn that nobody lived to finish. A request has one line for each block of its
 * answer, all with the same id, and is counted once; of numbers that grow while it streams the largest counts. Those in
 * `except`, by the id of the request or of its message, were counted elsewhere.
 */
export function createTurnTraces(except: ReadonlySet<string> = new Set()): TurnTraces {
  const requests = new Map<string, { model: string; cost: ModelCost }>();
  const finishedCalls = new Set<string>();

  function count({ id, model, usage }: Record<string, unknown>): void {
    if (typeof id !== 'string' || typeof model !== 'string' || model === syntheticModel || !isRecord(usage)) return;
    // What a single request cost in dollars stands nowhere.
    const cost: ModelCost = { ...readUsage(usage), costUsd: 0 };
    const before = requests.get(id)?.cost;
    if (before) for (const name of counters) cost[name] = Math.max(cost[name], before[name]);
    requests.set(id, { model, cost });
  }

  const isExcepted = (id: unknown): boolean => typeof id === 'string' && except.has(id);

  return {
    finishedCalls,
    add(json) {
      const entry = asRecord(JSON.parse(json));
      const message = asRecord(entry['message']);
      if (entry['type'] === 'assistant' && !isExcepted(message['id']) && !isExcepted(entry['requestId']))
        count(message);
      if (entry['type'] !== 'user') return;
      for (const block of asList(message['content']).map(asRecord)) {
        const id = block['type'] === 'tool_result' ? block['tool_use_id'] : undefined;
        if (typeof id === 'string') finishedCalls.add(id);
      }
    },
    get spent() {
      const usage = { ...noUsage };
      const models = new Map<string, ModelCost>();
      for (const { model, cost } of requests.values()) {
        const sum = models.get(model) ?? { ...noUsage, costUsd: 0 };
        models.set(model, sum);
        for (const name of counters) {
          sum[name] += cost[name];
          usage[name] += cost[name];
        }
      }
      return { usage, models: Object.fromEntries(models) };
    },
  };
}
