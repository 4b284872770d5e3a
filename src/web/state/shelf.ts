/**
 * Things that a tab keeps over a reload, in their order, as long as there is room: what a browser keeps for a page is
 * bounded, and beyond that it throws.
 */
export interface Shelf<T extends object> {
  /** By name, in the order in which they were put. */
  read(): [name: string, value: T][];
  /** Puts it last, or changes it where it is. False when there is no room for it: then it is not kept. */
  put(name: string, value: T): boolean;
  remove(name: string): void;
}

export interface ShelfOptions<T> {
  maxChars: number;
  /** What somebody else has put there, or an older version, is thrown away. */
  readonly isValid: (value: Partial<T>) => boolean;
}

export function openShelf<T extends object>(
  storage: Storage,
  prefix: string,
  { maxChars, isValid }: ShelfOptions<T>,
): Shelf<T> {
  /** A key is the prefix, a number that grows, and the name. */
  const keys = new Map<string, { key: string; chars: number }>();
  const values: [string, T][] = [];
  let lastNumber = 0;

  const found = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '');
  for (const key of found.filter((each) => each.startsWith(prefix)).sort()) {
    const [, number = '', name = ''] = /^(\d{12})\.(.+)$/.exec(key.slice(prefix.length)) ?? [];
    const text = storage.getItem(key) ?? '';
    const value = parse(text) as Partial<T> | undefined;
    if (name === '' || value === undefined || !isValid(value)) {
      storage.removeItem(key);
      continue;
    }
    lastNumber = Number(number);
    keys.set(name, { key, chars: text.length });
    values.push([name, value as T]);
  }

  function remove(name: string): void {
    const known = keys.get(name);
    if (!known) return;
    storage.removeItem(known.key);
    keys.delete(name);
  }

  return {
    read: () => values,
    put(name, value) {
      const text = JSON.stringify(value);
      const known = keys.get(name);
      const number = String((lastNumber += 1)).padStart(12, '0');
      const key = known?.key ?? `${prefix}${number}.${name}`;
      let others = 0;
      for (const [each, { chars }] of keys) if (each !== name) others += chars;
      if (others + text.length <= maxChars) {
        try {
          storage.setItem(key, text);
          keys.set(name, { key, chars: text.length });
          return true;
        } catch {
          // It is full: whoever puts something is told so.
        }
      }
      // What stood there before is no longer what was meant.
      remove(name);
      return false;
    },
    remove,
  };
}

function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
