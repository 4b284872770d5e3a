/** The windows of a plan, in words. */
const names: Readonly<Record<string, string>> = {
  five_hour: '5 hours',
  seven_day: '7 days',
  seven_day_opus: '7 days, Opus',
  seven_day_sonnet: '7 days, Sonnet',
  seven_day_overage_included: '7 days, with extra usage',
  overage: 'extra usage',
};

export function planWindowName(name: string): string {
  return Object.hasOwn(names, name) ? names[name]! : name.replaceAll('_', ' ');
}

export function usedText(used: number | null, status: string): string {
  if (used !== null) return `${Math.round(used * 100)} %`;
  return status === 'reached' ? 'used up' : status === 'near' ? 'nearly used up' : 'not known';
}
