import { exactLine, isProseField } from '../../../protocol/exact-text.ts';
import { readableLine } from '../../text/readable.ts';
import { Marked } from '../parts/marked.tsx';
import { Change, isShortChange } from './change.tsx';
import { ExactText } from './exact-text.tsx';

/**
 * Every field of the input, each shown once: a text change of moderate size replaces its two texts, line by line and in
 * full.
 */
export function Fields({ input }: { input: Record<string, unknown> }) {
  const { old_string: before, new_string: after, ...rest } = input;
  const change =
    typeof before === 'string' && typeof after === 'string' && isShortChange(before, after)
      ? { before, after }
      : undefined;
  return (
    <>
      <FieldList input={change ? rest : input} />
      {change && <Change {...change} />}
    </>
  );
}

function FieldList({ input }: { input: Record<string, unknown> }) {
  return (
    <dl className="fields">
      {Object.entries(input).map(([name, value]) => (
        <div key={name}>
          <dt>
            <Marked parts={exactLine(name, 100)} />
          </dt>
          <dd>
            <ExactText
              label={readableLine(name, 100)}
              text={typeof value === 'string' ? value : JSON.stringify(value, null, 2)}
              isProse={isProseField(name)}
            />
          </dd>
        </div>
      ))}
    </dl>
  );
}
