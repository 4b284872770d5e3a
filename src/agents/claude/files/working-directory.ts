import { stat } from 'node:fs/promises';
import { BooError } from '../../../protocol/error.ts';

/** Throws `cwd_invalid` if the directory is gone; a child process would only report that its program is missing. */
export async function assertDirectory(cwd: string): Promise<void> {
  const found = await stat(cwd).catch(() => null);
  if (found?.isDirectory() === true) return;
  const ways = 'Move the chat to where it is now (`boocode move`, or Directory in its settings), or put it back';
  throw new BooError('cwd_invalid', `The working directory ${cwd} is gone. ${ways}.`, { details: { field: 'cwd' } });
}
