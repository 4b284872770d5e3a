const inWords = (day: string, options: Intl.DateTimeFormatOptions): string =>
  new Date(`${day}T12:00:00`).toLocaleDateString(undefined, options);

/** Days like `2027-01-31`. */
export const shortDay = (day: string): string => inWords(day, { day: 'numeric', month: 'short' });

export const longDay = (day: string): string =>
  inWords(day, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
