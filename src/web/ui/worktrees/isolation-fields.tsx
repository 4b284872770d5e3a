import { useCallback, useEffect, useId, useState } from 'react';
import { readableLine } from '../../text/readable.ts';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';
import { type Suggestions, SuggestField } from '../parts/suggest-field.tsx';
import { type Isolation, refusedField } from './isolation.ts';
import { Making } from './making.tsx';
import { NameField } from './name-field.tsx';
import './worktrees.css';

interface IsolationFieldsProps {
  directory: string;
  value: Isolation;
  onChange: (value: Isolation) => void;
  /** They are being made. */
  isBusy: boolean;
  problem: string | undefined;
  details: Parameters<typeof refusedField>[0];
}

interface Where {
  of: string;
  repository: string | null;
  current: string | null;
}

/** The repository of a directory, once nobody has typed for a moment; undefined if it is not known. */
function useRepository(directory: string): Where | undefined {
  const { api } = useSession();
  const [where, setWhere] = useState<Where>();
  useEffect(() => {
    let isOld = false;
    const timer = setTimeout(() => {
      api.listBranches(directory).then(
        ({ repository, current }) => {
          if (!isOld) setWhere({ of: directory, repository, current });
        },
        () => undefined,
      );
    }, 300);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [api, directory]);
  return where?.of === directory ? where : undefined;
}

const counts = [1, 2, 3, 4, 5];
const kindWords = { branch: '', tag: 'tag', remote: 'remote' };

/** What a branch of its own is called and begins with, and how often the prompt is tried. Loaded when it is wanted. */
export default function IsolationFields(props: IsolationFieldsProps) {
  const { value, onChange, isBusy, problem, details } = props;
  const directory = props.directory.trim();
  const { api } = useSession();
  const id = useId();
  const where = useRepository(directory);
  const set = (edits: Partial<Isolation>): void => onChange({ ...value, ...edits });
  const find = useCallback(
    async (part: string): Promise<Suggestions> => {
      const { items, truncated } = await api.listBranches(directory, part.trim());
      return {
        items: items.map(({ name, kind }) => ({
          value: name,
          shown: (
            <>
              <bdi>{readableLine(name, 120)}</bdi> <span className="quiet">{kindWords[kind]}</span>
            </>
          ),
        })),
        truncated,
      };
    },
    [api, directory],
  );
  const refused = refusedField(details);
  const isRefused = refused === 'base' && problem !== undefined;

  return (
    <fieldset className="isolation" disabled={isBusy}>
      <legend>Own branch</legend>
      {where?.repository === null && (
        <p className="caution">This directory is in no git repository, so it cannot have branches.</p>
      )}
      <NameField
        value={value.name}
        count={value.count}
        onChange={(name) => set({ name })}
        refusal={refused === 'name' ? problem : undefined}
      />
      <div className="branch-field">
        <SuggestField
          label="Begins with (optional)"
          options="Branches and tags"
          placeholder={readableLine(where?.current ?? 'what is checked out', 100)}
          value={value.base}
          onChange={(base) => set({ base })}
          onTake={(base) => set({ base })}
          find={find}
          problemId={isRefused ? `${id}-base` : undefined}
        />
        <p className="quiet">A branch, tag or commit. Without one: what is checked out.</p>
        {isRefused && <Problem id={`${id}-base`} text={problem} />}
      </div>
      <label>
        Attempts
        <select value={value.count} onChange={(event) => set({ count: Number(event.target.value) })}>
          {counts.map((count) => (
            <option key={count} value={count}>
              {count === 1 ? 'One chat' : `${count} chats that try the same prompt`}
            </option>
          ))}
        </select>
      </label>
      {value.count > 1 && (
        <label>
          Prompt of all of them
          <textarea
            // The browser does not send the form then, which would make worktrees for nothing.
            ref={(area) => area?.setCustomValidity(value.prompt.trim() === '' ? 'Write a prompt.' : '')}
            required
            rows={4}
            value={value.prompt}
            onChange={(event) => set({ prompt: event.target.value })}
            dir="auto"
          />
        </label>
      )}
      {isBusy && <Making repository={where?.repository ?? undefined} />}
    </fieldset>
  );
}
