/** A browser's storage in memory, which throws when full, like the real one. A test double. */
export function memoryStorage(maxChars: number): Storage {
  const items = new Map<string, string>();
  return {
    get length() {
      return items.size;
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (key) => items.get(key) ?? null,
    setItem(key, value) {
      let chars = key.length + value.length;
      for (const [each, text] of items) if (each !== key) chars += each.length + text.length;
      if (chars > maxChars) throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
      items.set(key, value);
    },
    removeItem: (key) => void items.delete(key),
    clear: () => items.clear(),
  };
}
