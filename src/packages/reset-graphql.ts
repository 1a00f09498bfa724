import { builder } from '../graphql/builder.ts';

export const ResetPeriod = builder.enumType('ResetPeriod', {
  description: 'How often usage resets to zero.',
  values: {
    YEAR: { description: 'Every year.' },
    QUARTER: { description: 'Every three months.' },
    MONTH: { description: 'Every month.' },
    WEEK: { description: 'Every seven days.' },
    DAY: { description: 'Every 24 hours; in the calendar, every day.' },
    HOUR: { description: 'Every hour.' },
  } as const,
});

export const ResetAnchor = builder.enumType('ResetAnchor', {
  description: 'From where windows are counted.',
  values: {
    SUBSCRIPTION: { description: 'From the start of the subscription, in UTC.' },
    CALENDAR: {
      description:
        'They begin at a full hour, at midnight, on Monday, or on the first day of a month, quarter or year, in a time zone.',
    },
  } as const,
});
