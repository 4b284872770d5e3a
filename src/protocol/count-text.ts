export const grouped = (count: number): string => count.toLocaleString('en-US');

/** `1 line`, `2,000 lines`. */
export const countOf = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
