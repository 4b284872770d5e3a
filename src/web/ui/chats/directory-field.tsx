import { useCallback } from 'react';
import { readableLine } from '../../text/readable.ts';
import { useSession } from '../parts/session-context.ts';
import { type Suggestions, SuggestField } from '../parts/suggest-field.tsx';

/** A path on the server with completion: what is taken lists the directories inside. */
export function DirectoryField({ value, onChange }: { value: string; onChange: (path: string) => void }) {
  const { api } = useSession();
  const find = useCallback(
    async (start: string): Promise<Suggestions> => {
      const { items, truncated } = await api.listDirectories(start);
      return {
        items: items.map(({ path, name }) => ({ value: path, shown: <bdi>{readableLine(name, 120)}</bdi> })),
        truncated,
      };
    },
    [api],
  );
  return (
    <SuggestField
      label="Directory on the server"
      options="Directories"
      placeholder="/home/you/project"
      required
      value={value}
      onChange={onChange}
      onTake={(path) => onChange(path.endsWith('/') ? path : `${path}/`)}
      find={find}
    />
  );
}
