import { keepTogether } from './instants.ts';

const instant = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** A message of the server for people: fields without the argument they are in, times in the viewer's zone. */
export const readable = (message: string): string =>
  message
    .replace(/^input\.(?=\w+(?:\.|:))/, '')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (at) => keepTogether(instant.format(new Date(at))));
