/** What a field for an instant holds, as `2030-03-01T17:00` in the zone of the browser. */
export function localText(at: Date): string {
  const two = (part: number) => `${part}`.padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** A time as a locale writes it, without a line break before `AM` or `PM`. */
export const keepTogether = (time: string): string => time.replaceAll(/\s(?=[AP]M\b)/g, '\u00a0');

/** The instant that such a text names, as ISO 8601; null if it names none. */
export function readInstant(text: string): string | null {
  const at = new Date(text);
  return text === '' || Number.isNaN(at.getTime()) ? null : at.toISOString();
}

/** The end of the day that is so many days after `now`. */
function endOfDay(now: Date, days: number): Date {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, 23, 59);
}

const friday = 5;

/** Ends that people often choose, each at the end of its day. */
export function usualEnds(now: Date): { label: string; at: Date }[] {
  const daysToFriday = (friday - now.getDay() + 7) % 7;
  const endOfMonth = new Date(now.getFullYear(), now.getMonth() + 1, 0, 23, 59);
  return [
    { label: 'End of today', at: endOfDay(now, 0) },
    { label: 'Friday', at: endOfDay(now, daysToFriday) },
    { label: 'In 7 days', at: endOfDay(now, 7) },
    { label: 'In 14 days', at: endOfDay(now, 14) },
    { label: 'In 30 days', at: endOfDay(now, 30) },
    { label: 'End of month', at: endOfMonth },
  ];
}
