/*
 * What a mail of alerts says. It groups what happened: by kind, and within a kind by feature and threshold, with a few
 * examples each. So it stays readable, and its size has a bound, however much happened. It holds ids only.
 */

/** The types of events that are mailed. At 100 % usage.limit_reached comes too, and would say everything twice. */
export const mailedTypes = ['flag.raised', 'usage.threshold_reached'];

/** Events of the same kind about the same thing. */
export interface EventGroup {
  type: string;
  count: number;
  /** The data of the first events, oldest first. */
  examples: Record<string, unknown>[];
  first: Date;
  last: Date;
}

export interface Mail {
  subject: string;
  text: string;
}

/** How many examples a group has, and how many groups a mail tells one by one. */
export const maxExamples = 5;
export const maxGroups = 50;

interface Section {
  title: string;
  /** For the subject. */
  one: string;
  many: string;
  has: (group: EventGroup) => boolean;
  titleOf: (data: Record<string, unknown>) => string;
  lineOf: (data: Record<string, unknown>) => string;
}

const flagTitles: Readonly<Record<string, string>> = {
  SAME_EMAIL: 'Users have the same email address',
  SAME_BILLING_ID: 'Users have the same billing id',
  BILLING: 'A customer at the billing provider needs a look',
  WEBHOOK_DISABLED: 'A webhook is disabled: it failed for days',
};

const isAtLimit = ({ examples: [data] }: EventGroup) => data?.threshold === 100 && data.topUpId === undefined;

const sections: Section[] = [
  {
    title: 'Limits reached',
    one: 'limit reached',
    many: 'limits reached',
    has: (group) => group.type === 'usage.threshold_reached' && isAtLimit(group),
    titleOf: ({ featureId }) => shown(featureId),
    lineOf: usageLine,
  },
  {
    title: 'Thresholds reached',
    one: 'threshold reached',
    many: 'thresholds reached',
    has: (group) => group.type === 'usage.threshold_reached' && !isAtLimit(group),
    titleOf: ({ featureId, threshold, thresholdAmount, topUpId }) =>
      `${shown(featureId)} at ${threshold === undefined ? shown(thresholdAmount) : `${shown(threshold)} %`}` +
      (topUpId === undefined ? '' : ' of a top-up'),
    lineOf: usageLine,
  },
  {
    title: 'Flags',
    one: 'flag',
    many: 'flags',
    has: ({ type }) => type === 'flag.raised',
    titleOf: ({ flag, billingFlag }) =>
      (flagTitles[String(flag)] ?? shown(flag)) +
      (billingFlag === undefined ? '' : ` (${shown(billingFlag)})`),
    lineOf: flagLine,
  },
  {
    title: 'Test messages',
    one: 'test message',
    many: 'test messages',
    has: ({ type }) => !mailedTypes.includes(type),
    titleOf: () => 'Sent by testWebhook',
    lineOf: ({ webhookId }) => `to ${shown(webhookId)}`,
  },
];

function usageLine({
  userId,
  used,
  limit,
  packageId,
  topUpId,
  windowStart,
}: Record<string, unknown>): string {
  const of = typeof limit === 'number' ? ` of ${shown(limit)}` : '';
  const where = topUpId === undefined ? `package ${shown(packageId)}` : `top-up ${shown(topUpId)}`;
  const since = typeof windowStart === 'string' ? `, since ${minuteOf(windowStart)}` : '';
  return `${shown(userId)} used ${shown(used)}${of} (${where}${since})`;
}

function flagLine({ userIds, customerId, webhookId }: Record<string, unknown>): string {
  const users =
    Array.isArray(userIds) && userIds.length > 0 ? [`users ${userIds.map(shown).join(', ')}`] : [];
  const customer = customerId === undefined ? [] : [`customer ${shown(customerId)}`];
  const webhook = webhookId === undefined ? [] : [`webhook ${shown(webhookId)}`];
  return [...users, ...customer, ...webhook].join(', ');
}

const maxShownChars = 100;

/** A value as one short piece of a line. Ids are chosen by others: one may hold line breaks, or be long. */
function shown(value: unknown): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to go
  const text = String(value).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
  return text.length > maxShownChars ? `${text.slice(0, maxShownChars)}…` : text;
}

const minuteOf = (instant: string) => `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`;

/**
 * The mail about these groups, at least one. Within a section, larger groups come first.
 *
 * @param hasMore whether there may be more, which the next mail tells
 */
export function mailOf(environmentId: string, groups: readonly EventGroup[], hasMore: boolean): Mail {
  const present = sections
    .map((section) => ({ section, groups: groups.filter(section.has).toSorted((a, b) => b.count - a.count) }))
    .filter((each) => each.groups.length > 0);
  const counts = present.map(({ section, groups: own }) => {
    const count = sum(own);
    return `${count} ${count === 1 ? section.one : section.many}`;
  });
  const first = new Date(Math.min(...groups.map((group) => group.first.getTime())));
  const last = new Date(Math.max(...groups.map((group) => group.last.getTime())));
  const span = [first, last].map((instant) => minuteOf(instant.toISOString()));
  const text = [
    `Environment: ${environmentId}`,
    `When: ${[...new Set(span)].join(' to ')}`,
    ...sectionTexts(present),
    ...(hasMore ? ['', 'There may be more: the next mail tells it.'] : []),
  ];
  return { subject: `[Open Kana] ${environmentId}: ${counts.join(', ')}`, text: `${text.join('\n')}\n` };
}

const sum = (groups: readonly EventGroup[]) => groups.reduce((total, { count }) => total + count, 0);

function sectionTexts(present: readonly { section: Section; groups: EventGroup[] }[]): string[] {
  let left = maxGroups;
  return present.flatMap(({ section, groups }) => {
    const told = groups.slice(0, left);
    const untold = groups.slice(left);
    left -= told.length;
    return [
      '',
      `${section.title}: ${sum(groups)}`,
      ...told.flatMap((group) => groupText(section, group)),
      ...(untold.length === 0 ? [] : [`  and ${sum(untold)} more, of ${untold.length} other kinds`]),
    ];
  });
}

function groupText(section: Section, { count, examples }: EventGroup): string[] {
  const told = examples.slice(0, maxExamples);
  const [data = {}] = told;
  return [
    `  ${section.titleOf(data)}: ${count}`,
    ...told.map((each) => `    ${section.lineOf(each)}`),
    ...(count > told.length ? [`    and ${count - told.length} more`] : []),
  ];
}
