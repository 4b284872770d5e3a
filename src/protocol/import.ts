/**
 * A session that was begun elsewhere becomes a chat: an import is begun, the lines of its transcripts are sent, and it
 * is finished. Until then there is no chat; an import that is never finished is removed after a day.
 */
import { z } from 'zod';
import { createChat } from './chat.ts';

export const beginImport = createChat
  .extend({
    /** The chat goes on with this session. */
    sessionId: z.uuid().toLowerCase(),
  })
  .meta({ id: 'BeginImport' });
export type BeginImport = z.infer<typeof beginImport>;

export const sessionImport = z.object({ id: z.uuid(), sessionId: z.uuid() }).meta({ id: 'Import' });
export type SessionImport = z.infer<typeof sessionImport>;

export const importProgress = sessionImport
  .extend({
    /** How many events of the log are written; none before it is being finished. */
    events: z.int().min(0),
  })
  .meta({ id: 'ImportProgress' });
export type ImportProgress = z.infer<typeof importProgress>;

// As the agent's own file names are.
const subpath = z
  .string()
  .max(500)
  .regex(/^subagents(\/[\w-][\w.-]*)+$/, 'must be the path of a sub-agent, as subagents/agent-1');

export const importLines = z
  .strictObject({
    /** Without it the lines are of the session's own transcript; with it of a sub-agent's, for example `subagents/agent-1`. */
    subpath: subpath.optional(),
    /** Lines of the transcript, each the JSON of one entry, in order. */
    lines: z.array(z.string()).min(1).max(5000),
  })
  .meta({ id: 'ImportLines' });
export type ImportLines = z.infer<typeof importLines>;
