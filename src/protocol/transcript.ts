/** A chat's transcripts as its agent wrote them: one JSON object per line. */
import { z } from 'zod';

export const transcriptRecord = z
  .discriminatedUnion('type', [
    z.object({
      /** The first line. */
      type: z.literal('transcript'),
      chatId: z.uuid(),
      /** The session the chat continues with; null before its first prompt. */
      sessionId: z.string().nullable(),
      /** The chat's working directory, on the server. */
      cwd: z.string(),
    }),
    z.object({
      type: z.literal('entry'),
      sessionId: z.string(),
      /** '' for the session's own transcript; for a sub-agent's, its path below the session, without `.jsonl`. */
      subpath: z.string(),
      /** As the agent wrote it, with its fields in their order. */
      entry: z.looseObject({ type: z.string() }),
    }),
    z.object({
      /** The last line: without it the transcript is incomplete. */
      type: z.literal('end'),
      entries: z.int(),
    }),
  ])
  .meta({ id: 'TranscriptRecord' });
export type TranscriptRecord = z.infer<typeof transcriptRecord>;
