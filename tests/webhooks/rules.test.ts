import { describe, expect, test } from '@jest/globals';
import { isPublicAddress } from '../../src/webhooks/address-rules.ts';
import { type EventGroup, mailOf } from '../../src/webhooks/email/mail-rules.ts';
import { createPace } from '../../src/webhooks/pace.ts';
import { NewWebhook } from '../../src/webhooks/rules.ts';
import {
  afterAnswers,
  afterAttempt,
  isBack,
  nextBatchSize,
  retryAfterMs,
} from '../../src/webhooks/schedule-rules.ts';

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.31.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.100.100.200',
  '168.63.129.16',
  '0.0.0.0',
  '255.255.255.255',
  '224.0.0.1',
  '::1',
  '::',
  'fe80::1',
  'fe80::1%eth0',
  'fd00:ec2::254',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  '2001:0:7f00:1::',
  'ff02::1',
])('%s is not an address of the internet', (address) => expect(isPublicAddress(address)).toBe(false));

test.each(['1.1.1.1', '172.32.0.1', '8.8.8.8', '2606:4700:4700::1111'])('%s is', (address) =>
  expect(isPublicAddress(address)).toBe(true),
);

describe('the address of a webhook', () => {
  const read = (url: string, allowPrivate = false) =>
    NewWebhook(allowPrivate).safeParse({ url, events: ['*'] }).error?.issues[0]?.message ?? null;

  test('where private addresses are allowed, the reason names one', () => {
    expect(read('localhost:9000', true)).toBe(
      'must be an address like https://example.com/webhooks or http://localhost:9000/',
    );
    expect(read('http://localhost:9000/', true)).toBe(null);
    expect(read('localhost:9000')).not.toContain('localhost');
  });

  test.each([
    'https://example.com/hooks?key=1',
    ' https://example.com/hooks\n',
    'http://93.184.215.14:8080/',
    'https://[2606:4700:4700::1111]/',
  ])('%s is taken', (url) => expect(read(url)).toBe(null));

  test.each([
    ['ftp://example.com/', 'must be an address like'],
    ['example.com', 'must be an address like'],
    ['https://example.com/a b', 'must not contain spaces or control characters'],
    ['https://exa\nmple.com/', 'must not contain spaces or control characters'],
    ['https://example.com/\u0000', 'must not contain spaces or control characters'],
    ['https://example.com/\ud800', 'must not contain spaces or control characters'],
    ['https://user:password@example.com/', 'user name or password'],
    ['https://example.com/#part', 'after #'],
    ['http://127.1/', 'private network'],
    ['http://0x7f000001/', 'private network'],
    ['http://2130706433/', 'private network'],
    ['http://[::ffff:127.0.0.1]/', 'private network'],
    ['http://api.localhost/', 'private network'],
    ...[
      'localhost.',
      'LOCALHOST',
      'metadata.google.internal',
      'metadata.google.internal.',
      'metadata',
      'printer.local',
      'nas.home.arpa',
      '0177.0.0.1',
      '0x7f.1',
      '１２７.０.０.１',
      '127。0。0。1',
      '127.0.0.1.',
      '0',
      '[::]',
      '[::1]',
      '[fe80::1]',
      '[fd00:ec2::254]',
      '[::ffff:7f00:1]',
      '[64:ff9b::7f00:1]',
      '[2002:7f00:1::]',
      '[2001:0:7f00:1::]',
      '100.64.0.1',
      '198.19.255.255',
      '192.0.0.192',
      '240.0.0.1',
      '255.255.255.255',
    ].map((host) => [`http://${host}:8080/`, 'private network']),
    ['http://169.254.169.254/latest/meta-data', 'private network'],
    [`https://example.com/${'a'.repeat(2_048)}`, '2,048'],
  ])('%s is refused', (url, message) => expect(read(url)).toContain(message));
});

describe('pauses', () => {
  const bad = { problem: 'no' };
  const start = new Date('2026-01-01T00:00:00Z');

  test('grow, and end after three days', () => {
    const retryUntil = new Date(start.getTime() + 72 * 3_600_000);
    const times: number[] = [];
    let now = start;
    let last = 0;
    for (let attempts = 1; attempts < 100; attempts += 1) {
      const { state, nextAttemptAt } = afterAttempt(bad, { attempts, retryUntil }, now, 0);
      if (state === 'DEAD') break;
      const pause = nextAttemptAt.getTime() - now.getTime();
      if (nextAttemptAt < retryUntil) expect(pause).toBeGreaterThan(last);
      [last, now] = [pause, nextAttemptAt];
      times.push(now.getTime() - start.getTime());
    }
    expect(times).toHaveLength(13);
    expect(times.at(-2)).toBeGreaterThan(70 * 3_600_000);
    expect(times.at(-1)).toBe(72 * 3_600_000);
  });

  test('attempts that were brought forward do not end a delivery before its time', () => {
    const retryUntil = new Date(start.getTime() + 72 * 3_600_000);
    expect(afterAttempt(bad, { attempts: 50, retryUntil }, start, 0)).toEqual({
      state: 'PENDING',
      nextAttemptAt: new Date(start.getTime() + 24 * 3_600_000),
    });
  });

  test.each([
    [429, '120', 120_000],
    [503, ' 5 ', 5_000],
    [429, 'Thu, 01 Jan 2026 00:10:00 GMT', 600_000],
    [429, 'Thu, 01 Jan 2099 00:10:00 GMT', 3_600_000],
    [429, '9'.repeat(400), 3_600_000],
    [429, 'Wed, 31 Dec 2025 00:10:00 GMT', null],
    [429, '-120', null],
    [429, '0', null],
    [429, 'soon', null],
    [429, '', null],
    [429, '1e3', null],
    [429, undefined, null],
    [500, '120', null],
    [204, '120', null],
  ])('%s with Retry-After: %s', (status, header, expected) =>
    expect(retryAfterMs(status, header, start)).toBe(expected),
  );

  test('a receiver that asks to be left alone gets nothing until then', () => {
    const asks = { status: 429, body: '', retryAfterMs: 1_200_000 };
    const then = new Date(start.getTime() + 1_200_000);
    const retryUntil = new Date(start.getTime() + 72 * 3_600_000);
    expect(afterAttempt(asks, { attempts: 1, retryUntil }, start, 0).nextAttemptAt).toEqual(then);
    const late = new Date(start.getTime() + 1_000);
    expect(afterAttempt(asks, { attempts: 1, retryUntil: late }, start, 0).nextAttemptAt).toEqual(late);
    const healthy = { failures: 0, failingSince: null };
    expect(afterAnswers(healthy, [asks, good], start).pausedUntil).toEqual(then);
    expect(afterAnswers({ failures: 20, failingSince: start }, [asks], start).pausedUntil).toEqual(then);
  });

  const good = { status: 204, body: '' };
  const minuteAgo = new Date(start.getTime() - 60_000);
  test.each([
    ['it answers after failing for a minute', { failures: 5, failingSince: minuteAgo }, [good], true],
    ['it still fails', { failures: 5, failingSince: minuteAgo }, [bad], false],
    [
      'it failed only for seconds',
      { failures: 9, failingSince: new Date(start.getTime() - 59_000) },
      [good],
      false,
    ],
    ['one message is always refused', { failures: 4, failingSince: minuteAgo }, [good], false],
    ['it never failed', { failures: 0, failingSince: null }, [good], false],
    ['nothing was sent', { failures: 5, failingSince: minuteAgo }, [], false],
  ])('what waits is brought forward where a webhook is back: %s', (_what, before, answers, expected) => {
    expect(
      isBack(
        before,
        answers.map((each) => ({ ...each, isTest: false })),
        start,
      ),
    ).toBe(expected);
  });

  test('a test message that is delivered brings what waits forward, one that is not does not', () => {
    const before = { failures: 2, failingSince: start };
    expect(isBack(before, [{ ...good, isTest: true }], start)).toBe(true);
    expect(isBack(before, [{ ...bad, isTest: true }], start)).toBe(false);
  });

  test('a webhook that fails is probed, with growing pauses, until it answers', () => {
    const good = { status: 200, body: '' };
    const healthy = { failures: 0, failingSince: null };
    expect(afterAnswers(healthy, [bad, bad, good, bad], start)).toEqual({
      failures: 1,
      failingSince: start,
      pausedUntil: null,
      disabledReason: null,
    });
    const failing = afterAnswers(healthy, [bad, bad, bad, bad, bad], start);
    expect(failing.pausedUntil).toEqual(new Date(start.getTime() + 5_000));
    expect(afterAnswers(failing, [bad], start).pausedUntil).toEqual(new Date(start.getTime() + 10_000));
    expect(afterAnswers(failing, [good], start)).toEqual({
      ...healthy,
      pausedUntil: null,
      disabledReason: null,
    });
    const later = new Date(start.getTime() + 72 * 3_600_000);
    expect(afterAnswers(failing, [bad], later).disabledReason).toBe('It failed for three days.');
    expect(afterAnswers(healthy, [{ status: 410, body: '' }], start).disabledReason).toBe(
      'It answered 410 (Gone).',
    );
  });
});

test.each([
  [0, 8],
  [3, 8],
  [6, 12],
  [25, 50],
  [60, 100],
  [100, 100],
])('after a batch that began %i deliveries, %i are read', (begun, read) => {
  expect(nextBatchSize(begun)).toBe(read);
});

describe('the pace of deliveries', () => {
  const ever = {
    busy: 1,
    idle: 2,
    restCpuMs: Number.POSITIVE_INFINITY,
    longestRestMs: Number.POSITIVE_INFINITY,
  };

  test('a group begins when nobody is at the database several times in a row', async () => {
    const seen = [true, false, false, true, ...Array(10).fill(false)];
    let looks = 0;
    const pace = createPace(() => {
      looks += 1;
      return seen[looks - 1] ?? false;
    }, ever);
    await pace.turn();
    expect(looks).toBe(seen.length);
    // Each delivery of a large group looks once.
    await pace.turn();
    expect(looks).toBe(seen.length + 1);
    await pace.turn();
    expect(looks).toBe(seen.length + 2 + 10);
  });

  test('a large group ends when somebody is at the database', async () => {
    let isBusy = false;
    const pace = createPace(() => isBusy, { ...ever, idle: 100 });
    await pace.turn();
    await pace.turn();
    isBusy = true;
    let isTurn = false;
    const turn = pace.turn().then(() => {
      isTurn = true;
    });
    await new Promise(setImmediate);
    expect(isTurn).toBe(false);
    isBusy = false;
    await turn;
  });

  test.each([
    ['the process has worked long enough', { restCpuMs: 0 }],
    ['it has waited long enough', { longestRestMs: 20 }],
  ])('while requests are answered all the time, a small group begins when %s', async (_when, limit) => {
    const pace = createPace(() => true, { ...ever, ...limit });
    const order: number[] = [];
    await Promise.all([1, 2, 3].map((each) => pace.turn().then(() => order.push(each))));
    expect(order).toEqual([1, 2, 3]);
  });
});

describe('a mail of alerts', () => {
  const at = new Date('2026-11-29T08:00:30Z');
  const group = (type: string, count: number, ...examples: object[]): EventGroup => ({
    type,
    count,
    examples: examples as EventGroup['examples'],
    first: at,
    last: new Date(at.getTime() + count * 1_000),
  });
  const usage = { userId: 'ada', featureId: 'calls', packageId: 'pro', used: 8, limit: 10 };
  const window = { ...usage, windowStart: '2026-11-01T00:00:00.000Z' };
  const reached = 'usage.threshold_reached';
  const flag = (data: object) => group('flag.raised', 1, data);

  test('tells limits, thresholds and flags apart, and most of each first', () => {
    const groups = [
      flag({ flag: 'BILLING', billingFlag: 'SEVERAL_BASES', customerId: 'cus_1', userIds: ['ada'] }),
      flag({ flag: 'WEBHOOK_DISABLED', webhookId: 'wh_1' }),
      group(reached, 1, { ...window, threshold: 80 }),
      group(
        reached,
        7,
        { ...window, thresholdAmount: 5_000, used: 5_000.5, limit: null },
        { ...window, userId: 'eva' },
      ),
      group(reached, 1, { ...usage, topUpId: '3', threshold: 100 }),
      group(reached, 90, { ...window, threshold: 100, used: 10 }),
    ];
    expect(mailOf('live', groups, true)).toEqual({
      subject: '[Open Kana] live: 90 limits reached, 9 thresholds reached, 2 flags',
      text: `Environment: live
When: 2026-11-29 08:00 UTC to 2026-11-29 08:02 UTC

Limits reached: 90
  calls: 90
    ada used 10 of 10 (package pro, since 2026-11-01 00:00 UTC)
    and 89 more

Thresholds reached: 9
  calls at 5000: 7
    ada used 5000.5 (package pro, since 2026-11-01 00:00 UTC)
    eva used 8 of 10 (package pro, since 2026-11-01 00:00 UTC)
    and 5 more
  calls at 80 %: 1
    ada used 8 of 10 (package pro, since 2026-11-01 00:00 UTC)
  calls at 100 % of a top-up: 1
    ada used 8 of 10 (top-up 3)

Flags: 2
  A customer at the billing provider needs a look (SEVERAL_BASES): 1
    users ada, customer cus_1
  A webhook is disabled: it failed for days: 1
    webhook wh_1

There may be more: the next mail tells it.
`,
    });
  });

  test('has a bound, whatever happened and whatever ids are', () => {
    const long = { ...window, threshold: 80, userId: `a\r\n.\r\n\u2028${'x'.repeat(5_000)}` };
    const groups = Array.from({ length: 300 }, (_, feature) =>
      group(reached, 100, ...Array(50).fill({ ...long, featureId: `feature-${feature}` })),
    );
    const { text, subject } = mailOf('test', groups, false);
    expect(subject).toBe('[Open Kana] test: 30000 thresholds reached');
    expect(text).toContain('  and 25000 more, of 250 other kinds\n');
    expect(text).toContain(`    a . ${'x'.repeat(96)}… used`);
    expect(text.length).toBeLessThan(100_000);
  });
});
