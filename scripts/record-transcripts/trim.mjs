/**
 * The parts of a line that are kept: what it is and what was said in it. The rest is internal to the program, above all
 * its long instructions to the model, which are not ours to keep.
 */
const kept = [
  'type',
  'subtype',
  'uuid',
  'parentUuid',
  'sessionId',
  'isSidechain',
  'isMeta',
  'agentId',
  'requestId',
  'level',
  'message',
  'content',
  'toolUseResult',
  'toolDenialKind',
  'attachment',
  'permissionMode',
  'promptSource',
  'origin',
  'turnOrigin',
  'isCompactSummary',
  'isVisibleInTranscriptOnly',
  'compactMetadata',
  'supersedes',
  'isApiErrorMessage',
  'apiErrorStatus',
  'error',
  'retryAttempt',
  'maxRetries',
  'retryInMs',
  'totalCostUSD',
  'modelUsage',
  'operation',
];
const keptUsage = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'];
const longestText = 400;

/** The program's records of its own requests. */
export const isOfRequest = (line) => line.type.startsWith('api-request');

export function trim(line) {
  return cut(keep(line));
}

function keep(line) {
  const entry = pick(line, kept);
  if (entry.attachment) entry.attachment = keepAttachment(entry.attachment);
  // What the program tells the model on its own is ignored.
  if (entry.isMeta && entry.message) entry.message = { role: entry.message.role, content: '…' };
  if (entry.isCompactSummary) entry.message = { role: entry.message.role, content: '…' };
  if (entry.message?.usage) {
    entry.message = { ...entry.message, usage: pick(entry.message.usage, keptUsage) };
  }
  if (entry.compactMetadata) {
    entry.compactMetadata = pick(entry.compactMetadata, ['trigger', 'preTokens', 'postTokens', 'durationMs']);
  }
  return entry;
}

function keepAttachment({ type, ...attachment }) {
  if (type === 'model') return { type, identity: pick(attachment.identity, ['modelId']) };
  return { type, ...(type === 'queued_command' ? pick(attachment, ['prompt', 'commandMode', 'origin']) : {}) };
}

const pick = (record, names) =>
  Object.fromEntries(names.filter((name) => name in record).map((name) => [name, record[name]]));

/** Long texts whose middle no test examines. */
function cut(value) {
  if (typeof value === 'string') {
    const half = longestText / 2;
    return value.length > longestText ? `${value.slice(0, half)}…${value.slice(-half)}` : value;
  }
  if (Array.isArray(value)) return value.map(cut);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, cut(each)]));
}
