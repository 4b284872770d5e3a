import type { BackendInfo } from './info.ts';

/**
 * An engine in a sentence, with the name that flags and the API know it by. The server says what its engines are called;
 * before it has been asked there is only that name.
 */
export function engineText(name: string, backends: readonly Pick<BackendInfo, 'name' | 'label'>[] = []): string {
  const label = backends.find((backend) => backend.name === name)?.label;
  return label === undefined ? name : `${label} (${name})`;
}
