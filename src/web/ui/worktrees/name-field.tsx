import { useEffect, useId, useRef, useState } from 'react';
import { branchPrefix, worktreeNameProblem } from '../../../protocol/worktree-name.ts';
import { readable } from '../../text/readable.ts';
import { Problem } from '../parts/problem.tsx';

interface NameFieldProps {
  value: string;
  onChange: (name: string) => void;
  /** More than one: they are numbered. */
  count?: number;
  /** Why the server refused it. Shown until another one is typed. */
  refusal: string | undefined;
}

/** The name of a branch: what it must not be is said at once. */
export function NameField({ value, onChange, count = 1, refusal }: NameFieldProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const name = value.trim();
  const [refused, setRefused] = useState({ refusal, name });
  if (refused.refusal !== refusal) setRefused({ refusal, name });
  const why = refused.name === name ? refusal : undefined;
  const invalid = name === '' ? undefined : worktreeNameProblem(name);
  // The browser does not send the form then.
  useEffect(() => input.current?.setCustomValidity(invalid ?? ''), [invalid]);
  const shown = name === '' ? 'attempt-…' : name;
  const hint =
    count > 1
      ? `The branches are ${branchPrefix}${shown}-1 to ${branchPrefix}${shown}-${count}.`
      : name === ''
        ? 'Without one, a name is made up.'
        : `The branch is ${branchPrefix}${name}.`;
  return (
    <div className="branch-field">
      <label htmlFor={`${id}-input`}>Name of the branch (optional)</label>
      <input
        ref={input}
        id={`${id}-input`}
        value={value}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        placeholder="login"
        aria-invalid={invalid !== undefined || why !== undefined}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.target.value)}
      />
      <div id={`${id}-hint`}>
        {invalid === undefined ? <p className="quiet">{readable(hint)}</p> : <Problem text={invalid} />}
        <Problem text={why} />
      </div>
    </div>
  );
}
