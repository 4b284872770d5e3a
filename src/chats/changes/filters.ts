/** Filters store files as something else than what is in the working tree, such as those of Git LFS. */
import { joined, keyOf } from './named-files.ts';
import { splitPaths } from './paths.ts';

export interface Filtered {
  path: Buffer;
  filter: string;
}

export type AttributeQuery = (args: readonly string[], input: Buffer) => Promise<Buffer>;

/** Those of the files that a filter stores, by the attributes in the working tree, or by those in the index. */
export async function filteredOf(
  ask: AttributeQuery,
  paths: readonly Buffer[],
  by: 'working tree' | 'index' = 'working tree',
): Promise<Filtered[]> {
  if (paths.length === 0) return [];
  const cached = by === 'index' ? ['--cached'] : [];
  const parts = splitPaths(await ask(['check-attr', ...cached, '-z', '--stdin', 'filter'], joined(paths)));
  const found: Filtered[] = [];
  for (let at = 0; at + 2 < parts.length; at += 3) {
    const filter = keyOf(parts[at + 2]!);
    // Neither of these names one.
    if (!['unspecified', 'unset', 'set'].includes(filter)) found.push({ path: parts[at]!, filter });
  }
  return found;
}
