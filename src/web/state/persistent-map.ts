/**
 * An ordered map that survives a reload of the tab, within a limit: browsers bound a page's storage, and throw once it is
 * full.
 */
export interface PersistentMap<T extends object> {
  /** What was stored when the map was opened, in insertion order. */
  entries(): [name: string, value: T][];
  /** Adds an entry at the end, or replaces it in place. Returns false, and stores nothing, if there is no room. */
  set(name: string, value: T): boolean;
  delete(name: string): void;
}

export interface PersistentMapOptions<T> {
  maxChars: number;
  /** Values that fail this check, such as those of an older version, are discarded. */
  readonly isValid: (value: Partial<T>) => boolean;
}

export function openPersistentMap<T extends object>(
  storage: Storage,
  prefix: string,
  { maxChars, isValid }: PersistentMapOptions<T>,
): PersistentMap<T> {
  /** A key is the prefix, a growing number for the order, and the name. */
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

  function deleteEntry(name: string): void {
    const known = keys.get(name);
    if (!known) return;
    storage.removeItem(known.key);
    keys.delete(name);
  }

  return {
    entries: () => values,
    set(name, value) {
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
          // Storage is full; the caller learns it from the result.
        }
      }
      // The old value is out of date.
      deleteEntry(name);
      return false;
    },
    delete: deleteEntry,
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
