import { builder } from '../graphql/builder.ts';
import { countActive } from './activity-store.ts';
import { type Hours, hoursBefore, readHours } from './span-rules.ts';

const UserActivity = builder.objectRef<Hours>('UserActivity').implement({
  description: 'How many users used something, compared with the time before.',
  fields: (t) => ({
    active: t.int({
      description: 'Users of whom usage was recorded in this time.',
      resolve: (hours, _args, { db, environmentId, readLong }) =>
        readLong(() => countActive(db, environmentId, hours)),
    }),
    activeBefore: t.int({
      description: 'The same of the time before, which is as long.',
      resolve: (hours, _args, { db, environmentId, readLong }) =>
        readLong(() => countActive(db, environmentId, hoursBefore(hours))),
    }),
  }),
});

builder.queryField('userActivity', (t) =>
  t.field({
    type: UserActivity,
    description: 'How many users used something, in whole hours.',
    args: {
      from: t.arg({
        type: 'DateTime',
        description: 'The first hour contains this time. Default: 30 days before the end.',
      }),
      to: t.arg({
        type: 'DateTime',
        description: 'The end, exclusive: the last hour contains the moment before. Default: now.',
      }),
    },
    resolve: async (_root, { from = null, to = null }, { readClock }) =>
      readHours({ from, to }, to ?? (await readClock())),
  }),
);
