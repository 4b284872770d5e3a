import { countOf } from './count-text.ts';
import type { EventOf } from './event.ts';

/** What a rewind does not cover where there is no git repository. */
export const onlyEditsText =
  'There is no git repository, so only files that the agent has edited with its own tools are known. ' +
  'What commands, sub-agents and people have changed in others stays.';

export function rewindStartText({ undoes, count }: EventOf<'files_rewind_started'>): string {
  const files = countOf(count, 'file');
  return undoes === undefined ? `rewinding ${files}` : `undoing a rewind of files: ${files}`;
}

export function rewoundFilesText({ undoes, changed, kept, added, removed }: EventOf<'files_rewound'>): string {
  const files = `${countOf(changed, 'file')} (+${added} -${removed})`;
  const what = undoes === undefined ? `${files} rewound` : `the rewind was undone: ${files}`;
  return kept === 0 ? what : `${what}; ${countOf(kept, 'file')} not covered`;
}
