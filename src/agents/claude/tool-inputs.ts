/**
 * Input schemas of the program's own tools, for calls that a person edits. They are stricter than the program, which
 * accepts fields that no tool knows, reads "5000" as a number, resolves paths and caps times, so that what runs is not
 * what was written. Fields that the program ignores are left out. `tool-inputs.test.ts` compares them with the
 * program's own schemas.
 */
import { resolve } from 'node:path';
import { z } from 'zod';

const text = z.string();
const flag = z.boolean();

/** The program would trim it, resolve it, or expand the home directory. */
const path = text.refine((given) => !given.includes('\0') && given.trim() === given && resolve(given) === given, {
  message: 'must be an absolute path without “.”, “..” or surrounding whitespace',
});

// The program refuses them, because its own dialog would not show them.
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
/** Slightly less than the longest argument that Linux accepts: the command is one argument, and gets quoted. */
const longestCommandBytes = 100_000;
const command = text
  .refine((given) => Buffer.byteLength(given) <= longestCommandBytes, {
    message: `must be at most ${longestCommandBytes} bytes long`,
  })
  .refine((given) => given.trim() !== '', { message: 'must not be empty' })
  .refine((given) => !controls.test(given), {
    message: 'must not contain control characters other than tabs and line feeds',
  });

const minutes = 60_000;

const bash = z
  .strictObject({
    command,
    timeout: z.number().positive().optional(),
    description: text.optional(),
    run_in_background: flag.optional(),
    dangerouslyDisableSandbox: flag.optional(),
  })
  .check((context) => {
    const { timeout, run_in_background: isInBackground = false } = context.value;
    const longest = (isInBackground ? 120 : 10) * minutes;
    if (timeout === undefined || timeout <= longest) return;
    context.issues.push({
      code: 'custom',
      path: ['timeout'],
      input: timeout,
      message: `must be at most ${longest} ${isInBackground ? 'in the background' : 'in the foreground'}`,
    });
  });

const edit = z
  .strictObject({ file_path: path, old_string: text, new_string: text, replace_all: flag.optional() })
  .refine((given) => given.old_string !== given.new_string, {
    path: ['new_string'],
    message: 'must differ from old_string',
  });

const monitor = z
  .strictObject({
    description: text,
    timeout_ms: z
      .number()
      .min(1_000)
      .max(30 * minutes),
    command: command.optional(),
    ws: z.strictObject({ url: text, protocols: z.array(text).optional() }).optional(),
  })
  .refine((given) => (given.command === undefined) !== (given.ws === undefined), {
    message: 'must contain either command or ws',
  });

/** By tool name. Other tools are checked against the call that was asked about. */
export const toolInputs: Readonly<Record<string, z.ZodType>> = {
  Agent: z.strictObject({
    description: text,
    prompt: text,
    subagent_type: text.optional(),
    model: z.enum(['sonnet', 'opus', 'haiku', 'fable']).optional(),
    effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).optional(),
    run_in_background: flag.optional(),
    isolation: z.enum(['worktree', 'remote']).optional(),
  }),
  Bash: bash,
  CronCreate: z.strictObject({ cron: text, prompt: text, recurring: flag.optional(), durable: flag.optional() }),
  CronDelete: z.strictObject({ id: text }),
  Edit: edit,
  EnterWorktree: z.strictObject({ name: text.optional(), path: path.optional() }),
  ExitWorktree: z.strictObject({ action: z.enum(['keep', 'remove']), discard_changes: flag.optional() }),
  Monitor: monitor,
  NotebookEdit: z.strictObject({
    notebook_path: path,
    cell_id: text.optional(),
    new_source: text,
    cell_type: z.enum(['code', 'markdown']).optional(),
    edit_mode: z.enum(['replace', 'insert', 'delete']).optional(),
  }),
  Read: z.strictObject({
    file_path: path,
    offset: z.int().min(0).optional(),
    limit: z.int().min(1).optional(),
    pages: text.optional(),
    allow_large: flag.optional(),
  }),
  SendMessage: z.strictObject({
    to: text.max(300).regex(/^[^\n\r]*$/, { message: 'must be one line' }),
    summary: text.max(200).optional(),
    message: text,
    notify_when_idle: flag.optional(),
  }),
  Skill: z.strictObject({ skill: text, args: text.optional() }),
  TaskStop: z.strictObject({ task_id: text.optional(), shell_id: text.optional() }),
  WebFetch: z.strictObject({
    url: text.refine((given) => given.trim() === given && URL.canParse(given), { message: 'must be a URL' }),
    prompt: text,
    offset: z.int().min(0).optional(),
  }),
  WebSearch: z.strictObject({
    query: text.min(2),
    allowed_domains: z.array(text).optional(),
    blocked_domains: z.array(text).optional(),
  }),
  Write: z.strictObject({ file_path: path, content: text }),
};
