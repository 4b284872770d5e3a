/** Gives a new worktree what its repository's settings say: copies of untracked files, and a run of the setup command. */
import { countOf } from '../../protocol/count-text.ts';
import type { ListedWorktree } from '../../protocol/worktree.ts';
import { copyFiles } from './copy-files.ts';
import type { GitWork } from './git-work.ts';
import type { Plan } from './make.ts';
import { named, refused } from './refused.ts';
import { runSetup } from './run-setup.ts';

export interface Furnished {
  /** What was done, for people. */
  sentences: string[];
  data: Record<string, unknown>;
  isWarning: boolean;
}

export interface FurnishOptions {
  /** The setup command may run. */
  isTrusted: boolean;
  setupLimitMs: number;
  readonly onProgress: (progress: NonNullable<ListedWorktree['progress']>) => void;
}

/** Throws `worktree_refused` if the setup command fails. */
export async function furnish(
  work: GitWork,
  { place, cwd, repository, settings }: Plan,
  { isTrusted, setupLimitMs, onProgress }: FurnishOptions,
): Promise<Furnished> {
  const { copy, setup } = settings;
  const result: Furnished = { sentences: [], data: {}, isWarning: false };
  if (copy.length > 0) {
    onProgress({ step: 'copy', line: '' });
    const { files, skipped } = await copyFiles(work, repository, place.path, copy);
    result.sentences.push(
      `${countOf(files, 'untracked file')} were copied.`.replace('1 untracked file were', '1 untracked file was'),
    );
    result.data['copied'] = files;
    if (skipped.length > 0) {
      const { text, files: first } = named(skipped);
      result.sentences.push(`Not copied, because links are not followed and nothing is overwritten: ${text}.`);
      result.data['notCopied'] = first;
    }
  }
  if (setup === null) return result;
  if (!isTrusted) {
    result.sentences.push('Its setup command was not run, because the directory is not trusted.');
    result.data['setup'] = { command: setup, wasRun: false };
    result.isWarning = true;
    return result;
  }
  onProgress({ step: 'setup', line: '' });
  const { problem, output, seconds } = await runSetup({
    command: setup,
    cwd,
    repository: repository.top,
    env: work.env,
    limitMs: setupLimitMs,
    signal: work.signal,
    onLine: (line) => onProgress({ step: 'setup', line }),
  });
  if (problem !== null) {
    const end = output.split('\n').slice(-5).join('\n').slice(-1_000);
    const said = end === '' ? '' : ` It said: ${end}`;
    throw refused('setup_failed', `The setup command failed, so no chat was created: ${problem}.${said}`, { output });
  }
  result.sentences.push(`Its setup command ran for ${seconds} s.`);
  result.data['setup'] = { command: setup, wasRun: true, seconds, output: output.slice(-4_000) };
  return result;
}
