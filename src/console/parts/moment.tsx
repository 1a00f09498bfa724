import { keepTogether } from './instants.ts';
import { useTip } from './tip.tsx';

const day = { month: 'short', day: 'numeric' } as const;
const time = { hour: 'numeric', minute: '2-digit' } as const;
const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(undefined, options);
// The year is told where it is another one.
const ofThisYear = { long: format({ ...day, ...time }), short: format(day) };
const ofOthers = {
  long: format({ ...day, year: 'numeric', ...time }),
  short: format({ ...day, year: 'numeric' }),
};

/** The time of a day, in the viewer's zone. */
export const timeOf = (at: string) => `at ${keepTogether(format(time).format(new Date(at)))}`;

const utc = (at: string) => `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;

/** A time in the viewer's zone; in UTC on hover or focus. */
export function Moment({ at, withTime = true }: { at: string; withTime?: boolean }) {
  const date = new Date(at);
  const { long, short } = date.getFullYear() === new Date().getFullYear() ? ofThisYear : ofOthers;
  const { events, tip } = useTip(utc(at));
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: so that the keyboard reaches what hovering shows */}
      <time dateTime={at} tabIndex={0} {...events}>
        {keepTogether((withTime ? long : short).format(date))}
      </time>
      {tip}
    </>
  );
}
