import type { CreateChat } from '../../../protocol/chat.ts';
import type { BooError } from '../../../protocol/error.ts';
import type { NewWorktree } from '../../../protocol/worktree.ts';

/** What the form of a new chat says about its own branch. */
export interface Isolation {
  name: string;
  base: string;
  /** More than one: attempts at this prompt. */
  count: number;
  prompt: string;
}

export const noIsolation: Isolation = { name: '', base: '', count: 1, prompt: '' };

export function isolated({ name, base }: Isolation): Pick<CreateChat, 'isolation' | 'worktree'> {
  const worktree: NewWorktree = {
    ...(name.trim() !== '' && { name: name.trim() }),
    ...(base.trim() !== '' && { base: base.trim() }),
  };
  return { isolation: 'worktree', worktree };
}

const fields: Readonly<Record<string, 'name' | 'base'>> = {
  invalid_name: 'name',
  branch_exists: 'name',
  place_taken: 'name',
  unknown_base: 'base',
  no_commit: 'base',
  'worktree.name': 'name',
  'worktree.base': 'base',
};

/** The field that the server refuses; undefined if it is neither. */
export function refusedField(details: BooError['details'] | undefined): 'name' | 'base' | undefined {
  return fields[String(details?.['reason'] ?? details?.['field'])];
}
