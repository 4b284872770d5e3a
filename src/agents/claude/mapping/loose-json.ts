/**
 * Readers for values whose types are not guaranteed: a frame comes from another program, and a field may be missing or
 * of another type. Each returns the value if it has the right type, and otherwise nothing; none throws.
 */
export type LooseRecord = Readonly<Record<string, unknown>>;

const nothing: LooseRecord = Object.freeze({});

export function isRecord(value: unknown): value is LooseRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object, or an empty one. */
export function asRecord(value: unknown): LooseRecord {
  return isRecord(value) ? value : nothing;
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

/** The text, or undefined if it is missing or empty. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A finite number of at least zero, or undefined. */
export function asAmount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** A whole number of at least zero, or undefined. It is rounded: Postgres refuses a fraction where it expects an integer. */
export function asCount(value: unknown): number | undefined {
  const count = Math.round(asAmount(value) ?? Number.NaN);
  return Number.isSafeInteger(count) ? count : undefined;
}

/** The last time that a `Date` can be. */
const lastMs = 8.64e15;

/** Whole milliseconds since 1970, or undefined. */
export function asTimeMs(value: unknown): number | undefined {
  const ms = asCount(value);
  return ms !== undefined && ms <= lastMs ? ms : undefined;
}

export function oneOf<T extends string>(allowed: readonly T[], value: unknown): T | undefined {
  return allowed.find((name) => name === value);
}

/** The object without its undefined fields, so that a notice's `data` contains only what is known. */
export function known(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}
