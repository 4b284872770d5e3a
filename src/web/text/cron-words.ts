/** The times of a cron pattern as people say them. Patterns that would need a long sentence are shown as they are. */

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const shortDays = days.map((day) => day.slice(0, 3).toLowerCase());

export const weekdays = days;

export function cronWords(cron: string): string | null {
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== 5) return null;
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  if (month !== '*') return null;
  if (hour === '*' && day === '*' && weekday === '*') return withinHours(minute);
  const time = timeOf(minute, hour);
  if (time === null) return null;
  if (day === '*') {
    if (weekday === '*') return `every day at ${time}`;
    const on = weekdayWords(weekday);
    return on === null ? null : `${on} at ${time}`;
  }
  if (weekday !== '*' || !/^\d{1,2}$/.test(day)) return null;
  return `on day ${Number(day)} of every month at ${time}`;
}

function withinHours(minute: string): string | null {
  if (minute === '*') return 'every minute';
  if (/^\d{1,2}$/.test(minute)) return `every hour at minute ${Number(minute)}`;
  const every = /^\*\/(\d{1,2})$/.exec(minute)?.[1];
  // Other numbers start over at each full hour.
  return every !== undefined && Number(every) > 1 && 60 % Number(every) === 0 ? `every ${Number(every)} minutes` : null;
}

function timeOf(minute: string, hour: string): string | null {
  if (!/^\d{1,2}$/.test(minute) || !/^\d{1,2}$/.test(hour)) return null;
  return `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`;
}

function weekdayWords(field: string): string | null {
  const range = /^(\w+)-(\w+)$/.exec(field);
  if (range) {
    const [from, to] = [dayOf(range[1]!), dayOf(range[2]!)];
    return from && to ? `${from} to ${to}` : null;
  }
  const names = field.split(',').map(dayOf);
  if (names.some((name) => name === undefined)) return null;
  const [only] = names;
  return names.length === 1 ? `every ${only}` : `every ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function dayOf(text: string): string | undefined {
  if (/^[0-7]$/.test(text)) return days[Number(text) % 7];
  return days[shortDays.indexOf(text.toLowerCase())];
}
