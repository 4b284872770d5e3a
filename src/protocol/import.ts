/**
 * How a session started elsewhere becomes a chat: begin an import, send the lines of its transcripts, finish it. Until
 * then there is no chat; an unfinished import is removed after a day.
 */
import { z } from 'zod';
import { createChat } from './chat.ts';

export const beginImport = createChat
  .omit({ isolation: true, worktree: true, group: true })
  .extend({
    /** The chat continues with this session. */
    sessionId: z.uuid().toLowerCase(),
  })
  .meta({ id: 'BeginImport' });
export type BeginImport = z.infer<typeof beginImport>;

export const sessionImport = z.object({ id: z.uuid(), sessionId: z.uuid() }).meta({ id: 'Import' });
export type SessionImport = z.infer<typeof sessionImport>;

export const importProgress = sessionImport
  .extend({
    /** How many events of the log have been written; none until it is being finished. */
    events: z.int().min(0),
  })
  .meta({ id: 'ImportProgress' });
export type ImportProgress = z.infer<typeof importProgress>;

// Like the agent's own file names.
const subpath = z
  .string()
  .max(500)
  .regex(/^subagents(\/[\w-][\w.-]*)+$/, 'must be the path of a sub-agent, such as subagents/agent-1');

export const importLines = z
  .strictObject({
    /**
     * Without it, the lines belong to the session's own transcript; with it, to a sub-agent's, for example
     * `subagents/agent-1`.
     */
    subpath: subpath.optional(),
    /** Lines of the transcript, each the JSON of one entry, in order. */
    lines: z.array(z.string()).min(1).max(5000),
  })
  .meta({ id: 'ImportLines' });
export type ImportLines = z.infer<typeof importLines>;
