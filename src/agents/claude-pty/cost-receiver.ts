/**
 * Receives the cost of each model request from the program's telemetry (OpenTelemetry logs as JSON over HTTP), on a
 * loopback port of this process. The transcript contains the cost only once the program ends. If the user's own
 * settings send the telemetry elsewhere, nothing arrives here, and the cost is counted when the program ends.
 */
import { randomBytes } from 'node:crypto';
import type { ModelCost } from '../agent-backend.ts';
import { asList, asRecord } from '../claude/mapping/loose-json.ts';
import { openLoopbackReceiver } from './loopback-receiver.ts';

const jsonBounds = { nodes: 200_000, depth: 200 };

export interface RequestCost {
  requestId: string | null;
  model: string;
  cost: ModelCost;
}

export interface CostReceiver {
  /** Of this machine's loopback. */
  readonly port: number;
  /** The environment that makes a program report its requests. `forget` ends that. */
  register(onCost: (cost: RequestCost) => void): { env: Record<string, string>; forget(): void };
  /** Idempotent. */
  close(): Promise<void>;
}

const exportEveryMs = 100;

export async function openCostReceiver(): Promise<CostReceiver> {
  // The path is secret, and identifies whose requests these are.
  const { port, listeners, close } = await openLoopbackReceiver({ keyOf: ({ url }) => url, jsonBounds });
  return {
    port,
    register(onCost) {
      const path = `/${randomBytes(24).toString('base64url')}`;
      listeners.set(path, (input) => requestCosts(input).forEach(onCost));
      return {
        env: {
          CLAUDE_CODE_ENABLE_TELEMETRY: '1',
          OTEL_LOGS_EXPORTER: 'otlp',
          OTEL_METRICS_EXPORTER: 'none',
          OTEL_TRACES_EXPORTER: 'none',
          OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json',
          OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `http://127.0.0.1:${port}${path}`,
          OTEL_LOGS_EXPORT_INTERVAL: String(exportEveryMs),
        },
        forget: () => void listeners.delete(path),
      };
    },
    close,
  };
}

/** The costs in exported log records; everything else is ignored. */
export function requestCosts(exported: unknown): RequestCost[] {
  const records = asList(asRecord(exported)['resourceLogs'])
    .flatMap((resource) => asList(asRecord(resource)['scopeLogs']))
    .flatMap((scope) => asList(asRecord(scope)['logRecords']))
    .map(asRecord);
  return records.flatMap((record) => {
    if (asRecord(record['body'])['stringValue'] !== 'claude_code.api_request') return [];
    const said = new Map(
      asList(record['attributes'])
        .map(asRecord)
        .map(({ key, value }) => [key, Object.values(asRecord(value))[0]] as const),
    );
    const model = said.get('model');
    if (typeof model !== 'string') return [];
    const count = (name: string): number => {
      const value = Number(said.get(name) ?? 0);
      return Number.isFinite(value) && value > 0 ? value : 0;
    };
    const requestId = said.get('request_id');
    return [
      {
        requestId: typeof requestId === 'string' ? requestId : null,
        model,
        cost: {
          inputTokens: count('input_tokens'),
          outputTokens: count('output_tokens'),
          cacheReadInputTokens: count('cache_read_tokens'),
          cacheCreationInputTokens: count('cache_creation_tokens'),
          costUsd: count('cost_usd'),
        },
      },
    ];
  });
}
