import type { ReactNode } from 'react';
import { visibleName } from '../../text/changes-words.ts';
import { Icon } from '../parts/icon.tsx';

export function FileHead({
  path,
  onGo,
  children,
  below,
}: {
  path: string;
  onGo: (by: 1 | -1) => void;
  children: ReactNode;
  below?: ReactNode;
}) {
  const name = visibleName(path);
  const slash = name.lastIndexOf('/', name.length - 2) + 1;
  return (
    <header className="changes-file-head">
      <h3 title={name}>
        <bdi>
          <span className="quiet">{name.slice(0, slash)}</span>
          {name.slice(slash)}
        </bdi>
      </h3>
      {children}
      <button className="icon-button" aria-label="Previous file" title="Previous file (p)" onClick={() => onGo(-1)}>
        <Icon name="up" />
      </button>
      <button className="icon-button" aria-label="Next file" title="Next file (n)" onClick={() => onGo(1)}>
        <Icon name="down" />
      </button>
      {below}
    </header>
  );
}
