import { Tooltip } from '@mantine/core';

const long = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const short = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

const utc = (at: string) => `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;

/** A time in the viewer's zone; in UTC on hover or focus. */
export function Moment({ at, withTime = true }: { at: string; withTime?: boolean }) {
  return (
    <Tooltip label={utc(at)} events={{ hover: true, focus: true, touch: true }}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: so that the keyboard reaches what hovering shows */}
      <time dateTime={at} tabIndex={0}>
        {(withTime ? long : short).format(new Date(at))}
      </time>
    </Tooltip>
  );
}
