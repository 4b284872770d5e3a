/** The records of a run: what its clients and its runner wrote down, each before it went on. */
import { z } from 'zod';

const base = { atMs: z.number(), client: z.string() };
const ofChat = { ...base, chatId: z.string() };
const ofPrompt = { ...ofChat, promptId: z.string() };
const seq = z.int().positive();

export const clientRecord = z.discriminatedUnion('kind', [
  /** Written before the prompt is posted; again, with the number of the attempt, before it is posted again. */
  z.object({ ...ofPrompt, kind: z.literal('sent'), text: z.string(), attempt: z.int().optional() }),
  z.object({ ...ofPrompt, kind: z.literal('acknowledged'), seq }),
  z.object({ ...ofPrompt, kind: z.literal('refused'), code: z.string() }),
  /** No answer, and no more attempts. */
  z.object({ ...ofPrompt, kind: z.literal('unknown') }),
  z.object({ ...ofChat, kind: z.literal('answered'), decisionId: z.string(), outcome: z.string() }),
  /** A feed is opened, or opened again, behind this event. */
  z.object({ ...ofChat, kind: z.literal('reader'), reader: z.string(), after: z.int().nonnegative() }),
  z.object({ ...ofChat, kind: z.literal('shown'), reader: z.string(), seq, type: z.string(), digest: z.string() }),
  z.object({ ...ofChat, kind: z.literal('reset'), reader: z.string(), verdict: z.string() }),
]);
export type ClientRecord = z.infer<typeof clientRecord>;

const runnerBase = { atMs: z.number() };
export const runnerRecord = z.discriminatedUnion('kind', [
  z.object({ ...runnerBase, kind: z.literal('fault'), fault: z.string(), host: z.string().nullish() }),
  z.object({
    ...runnerBase,
    kind: z.literal('host'),
    host: z.string(),
    state: z.enum(['started', 'ready', 'ended']),
    pid: z.int().nullish(),
  }),
  z.object({ ...runnerBase, kind: z.literal('takeover'), chatId: z.string(), tookMs: z.number().nonnegative() }),
  /** Processes of a killed host that still exist ten seconds later. */
  z.object({ ...runnerBase, kind: z.literal('left'), host: z.string(), pids: z.array(z.int()) }),
  /** Rows that a stale writer got into any table in a forced race. */
  z.object({ ...runnerBase, kind: z.literal('stale'), written: z.int().nonnegative() }),
  z.object({ ...runnerBase, kind: z.literal('end') }),
]);
export type RunnerRecord = z.infer<typeof runnerRecord>;

export const runFile = z.object({
  seed: z.union([z.number(), z.string()]),
  /** Whether the figures have to be within their limits. */
  strict: z.boolean().default(false),
  /** The record files that there must be, by the names of their clients. */
  clients: z.array(z.string()).optional(),
});
export type RunFile = z.infer<typeof runFile>;

/** A prompt's text as an agent or model got it. */
export const askedRecord = z.object({ chatId: z.string().nullish(), text: z.string() });
export type AskedRecord = z.infer<typeof askedRecord>;

/** Null in some events. */
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);
const texts = z.array(z.string()).optional();

/** An event of a log, with what the checks read of it. */
export const logEvent = z.object({
  chatId: z.string(),
  seq,
  type: z.string(),
  turnId: text,
  promptId: text,
  promptIds: texts,
  content: z.array(z.object({ type: z.string(), text: z.string().optional() })).optional(),
  continuesTurnId: text,
  requeuedPromptIds: texts,
  decisionId: text,
  outcome: text,
  /** Of a notice. */
  code: text,
});
export type LogEvent = z.infer<typeof logEvent>;
