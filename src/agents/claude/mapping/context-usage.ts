/** How full the main loop's context window is: reported once per answer, and only when it changed. */
import { asCount, asRecord, isRecord } from './loose-json.ts';
import { type Mapped, mapped, type MappingState } from './mapping-state.ts';

const inputCounters = ['input_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens'] as const;

/** Reads the usage of a complete message. */
export function withMessageUsage(state: MappingState, model: string | undefined, usage: unknown): MappingState {
  const counts = asRecord(usage);
  const input = inputCounters.map((counter) => asCount(counts[counter]));
  if (input.every((count) => count === undefined)) return state;
  const used = input.reduce<number>((sum, count) => sum + (count ?? 0), asCount(counts['output_tokens']) ?? 0);
  return withCache({ ...state, context: { ...state.context, used, model: model ?? state.context.model } }, counts);
}

/**
 * Reads usage from the stream: input tokens at a message's start, output tokens at its end. The end repeats or omits
 * the input counters, so known values are kept.
 */
export function withStreamUsage(state: MappingState, model: string | undefined, usage: unknown): MappingState {
  if (!isRecord(usage)) return state;
  const counts = usage;
  const sum = inputCounters.reduce((total, counter) => total + (asCount(counts[counter]) ?? 0), 0);
  const input = sum > 0 ? sum : model === undefined ? state.context.input : 0;
  const used = input + (asCount(counts['output_tokens']) ?? 0);
  return withCache(
    { ...state, context: { ...state.context, input, used, model: model ?? state.context.model } },
    counts,
  );
}

/** The longest time for which the provider says that it keeps a part of the conversation. Each request starts it again. */
function withCache(state: MappingState, counts: Record<string, unknown>): MappingState {
  const written = asRecord(counts['cache_creation']);
  const lives = (counter: string): boolean => (asCount(written[counter]) ?? 0) > 0;
  const seconds = lives('ephemeral_1h_input_tokens') ? 3600 : lives('ephemeral_5m_input_tokens') ? 300 : undefined;
  // What is only read lives as long as before, and a long-lived beginning is not written again with each request.
  const cacheSeconds = Math.max(seconds ?? 0, state.context.cacheSeconds ?? 0) || undefined;
  return { ...state, context: { ...state.context, cacheSeconds } };
}

export function withContextUsed(state: MappingState, used: number): MappingState {
  return { ...state, context: { ...state.context, used } };
}

/** Reads the size of the window from a result's totals by model. */
export function withWindowSize(state: MappingState, modelUsage: unknown): MappingState {
  const models = Object.entries(asRecord(modelUsage));
  const match =
    models.find(([name]) => name === state.context.model) ??
    models.find(([, usage]) => asRecord(usage)['canonicalModel'] === state.context.model) ??
    (models.length === 1 ? models[0] : undefined);
  const size = asCount(asRecord(match?.[1])['contextWindow']);
  return size === undefined || size === 0 ? state : { ...state, context: { ...state.context, size } };
}

export function withUsageUpdate(state: MappingState): Mapped {
  const { used, size, sent, cacheSeconds } = state.context;
  if (used === null || (sent?.used === used && sent.size === size)) return mapped(state);
  const next = { ...state, context: { ...state.context, sent: { used, size } } };
  return mapped(next, { type: 'usage_update', used, size, ...(cacheSeconds !== undefined && { cacheSeconds }) });
}
