import { describe, expect, it, test } from '@jest/globals';
import { readEvent } from '../../../src/segment/events/rules.ts';

const read = (raw: unknown) => readEvent(raw, { environmentId: 'test', newId: () => 'made here' });

const track = { type: 'track', userId: 'u', event: 'Message Sent', messageId: 'm' };

describe('an event', () => {
  it('of track is kept whole, with what it is found by', () => {
    const raw = {
      ...track,
      timestamp: '2024-05-15T11:59:00.000Z',
      properties: { delta: 1 },
      context: { ip: '::1' },
    };
    expect(read(raw)).toEqual({
      environmentId: 'test',
      messageId: 'm',
      type: 'TRACK',
      userId: 'u',
      eventName: 'Message Sent',
      payload: JSON.stringify(raw),
      occurredAt: new Date('2024-05-15T11:59:00.000Z'),
      warnings: [],
    });
  });

  it('of identify has no event name', () => {
    const raw = { type: 'identify', userId: 'u', messageId: 'm', event: 'ignored' };
    expect(read(raw)).toMatchObject({ type: 'IDENTIFY', eventName: null, payload: JSON.stringify(raw) });
  });

  it('of track may be about a stored user of whose id nothing can be seen', () => {
    expect(read({ ...track, userId: '\u200b' })).toMatchObject({ userId: '\u200b' });
  });

  it.each(['page', 'screen', 'group', 'alias', 'tracking', 'anything'])('of type %s is ignored', (type) => {
    expect(read({ ...track, type })).toEqual({ type: 'IGNORED', messageId: 'm' });
  });

  it.each([undefined, null, ''])('gets a message id of ours when its own is %p', (messageId) => {
    expect(read({ ...track, messageId }).messageId).toBe('made here');
    expect(read({ type: 'page', userId: 'u', messageId })).toEqual({
      type: 'IGNORED',
      messageId: 'made here',
    });
  });

  it.each([
    ['Track', 'TRACK'],
    ['IDENTIFY', 'IDENTIFY'],
  ])('of type %s is one of %s', (type, kept) => {
    expect(read({ ...track, type })).toMatchObject({ type: kept });
  });

  it('has a number for a user as text', () => {
    expect(read({ ...track, userId: 7 })).toMatchObject({ userId: '7' });
  });

  it('has a number for a message id as text', () => {
    expect(read({ ...track, messageId: 7 }).messageId).toBe('7');
  });

  it.each([' ', '\t', false, ['m'], { id: 'm' }])(
    'gets a message id of ours when its own is %p',
    (messageId) => {
      expect(read({ ...track, messageId }).messageId).toBe('made here');
    },
  );

  it.each(['m'.repeat(256), 'm\t1', 'm\u0000', 'm\ud800'])(
    'is known again by its message id %j',
    (messageId) => {
      const id = read({ ...track, messageId }).messageId;
      expect(id).toMatch(/^sha256-[0-9a-f]{64}$/);
      expect(read({ ...track, messageId, properties: {} }).messageId).toBe(id);
      expect(read({ ...track, messageId: `${messageId}2` }).messageId).not.toBe(id);
    },
  );

  it('counts by the beginning of its name when that is long', () => {
    const event = 'e'.repeat(254);
    expect(read({ ...track, event: `${event}12` })).toMatchObject({ eventName: `${event}1` });
    expect(read({ ...track, event: `${event}📨` })).toMatchObject({ eventName: `${event}\ufffd` });
    expect(read({ ...track, event: `${event}12` })).toMatchObject({
      payload: JSON.stringify({ ...track, event: `${event}12` }),
    });
  });

  it.each<[string, unknown, string]>([
    ['is null', null, 'event: must be a JSON object'],
    ['is an array', [track], 'event: must be a JSON object'],
    ['is text', 'track', 'event: must be a JSON object'],
    [
      'identifies a user by an id of which nothing can be seen',
      { type: 'identify', userId: '\u200b' },
      'event.userId: must hold a visible character',
    ],
    ['has no type', { userId: 'u' }, 'event.type: must be a type such as "identify" or "track"'],
    ['has an empty type', { ...track, type: '' }, 'event.type: must not be empty'],
    [
      'has no user',
      { ...track, userId: undefined },
      'event.userId: must be a string: events of anonymous users are refused',
    ],
    [
      'has null for a user',
      { ...track, userId: null },
      'event.userId: must be a string: events of anonymous users are refused',
    ],
    [
      'has a number for a user that JSON does not hold exactly',
      JSON.parse('{"type": "track", "event": "e", "userId": 12345678901234567890}'),
      'event.userId: must be a string: JSON does not hold this number exactly',
    ],
    ...['undefined', ' null', 'NaN', '[object Object]'].map((userId): [string, unknown, string] => [
      `has ${userId} for a user`,
      { ...track, userId },
      `event.userId: must name a user: "${userId.trim()}" is what a library sends for none`,
    ]),
    ['has a blank user', { ...track, userId: ' ' }, 'event.userId: must not be blank'],
    [
      'is a page view of an anonymous user',
      { type: 'page', anonymousId: 'a' },
      'event.userId: must be a string: events of anonymous users are refused',
    ],
    [
      'inherits its user',
      JSON.parse('{"type": "page", "__proto__": {"userId": "u"}}'),
      'event.userId: must be a string: events of anonymous users are refused',
    ],
    [
      'is a track without a name',
      { ...track, event: undefined },
      'event.event: must be the name of what happened',
    ],
    [
      'is a track with an empty name',
      { ...track, event: '' },
      'event.event: must be the name of what happened',
    ],
    [
      'is a track with a number for a name',
      { ...track, event: 7 },
      'event.event: must be the name of what happened',
    ],
    [
      'is too large',
      { ...track, properties: { text: 'ü'.repeat(32 * 1024) } },
      'event: must be at most 64 KiB',
    ],
    [
      'has too long a user',
      { ...track, userId: 'u'.repeat(256) },
      'event.userId: must be at most 255 characters',
    ],
    [
      'has a user with a control character',
      { ...track, userId: 'u\t' },
      'event.userId: must not contain control characters',
    ],
  ])('is refused when it %s', (_name, raw, message) => {
    expect(() => read(raw)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT', message }));
  });

  it.each<[string, unknown, string | null]>([
    ['its timestamp', '2024-05-01T08:30:00+02:00', '2024-05-01T06:30:00.000Z'],
    ['its timestamp, long ago', '1999-01-01', '1999-01-01T00:00:00.000Z'],
    ['its arrival without one', undefined, null],
    ['its timestamp, however far ahead', '9999-12-31T23:59:59-23:59', '+010000-01-01T23:58:59.000Z'],
    ['its arrival when it is no date', 'yesterday', null],
    ['its arrival when it is a time of no day', '10:00', null],
    ['its arrival when it may be another day', '11/12/2023', null],
    ['its arrival when it is true', true, null],
    ['its timestamp with a space', '2024-05-01 10:00:00', '2024-05-01T10:00:00.000Z'],
    ['its timestamp of PostgreSQL', '2024-05-01 10:00:00.5+02', '2024-05-01T08:00:00.500Z'],
    ['its timestamp of Ruby', '2024-05-01 10:00:00 +0530', '2024-05-01T04:30:00.000Z'],
    ['its timestamp in UTC by name', '2024-05-01 10:00:00 UTC', '2024-05-01T10:00:00.000Z'],
    ['its offset after a space', '2024-05-01T10:00:00 +0530', '2024-05-01T04:30:00.000Z'],
    ['its seconds', 1714557600, '2024-05-01T10:00:00.000Z'],
    ['its seconds with a fraction', 1714557600.25, '2024-05-01T10:00:00.250Z'],
    ['its seconds as text', '1714557600', '2024-05-01T10:00:00.000Z'],
    ['its milliseconds', 1714557600001, '2024-05-01T10:00:00.001Z'],
    ['its milliseconds as text', '1714557600001', '2024-05-01T10:00:00.001Z'],
    ['its arrival when it is before all years', '0000-01-01T00:00:00Z', null],
  ])('happened at %s', (_name, timestamp, occurredAt) => {
    expect(read({ ...track, timestamp })).toMatchObject({
      occurredAt: occurredAt === null ? null : new Date(occurredAt),
    });
  });
});

test.each([
  ['2024-05-01 10:00:00', []],
  [undefined, []],
  ['', []],
  ['11/12/2023', ['UNREADABLE_TIMESTAMP']],
  ['2024-13-01', ['UNREADABLE_TIMESTAMP']],
  [171455760, ['UNREADABLE_TIMESTAMP']],
  [1714557600000000, ['UNREADABLE_TIMESTAMP']],
  [{ $date: '2024-05-01' }, ['UNREADABLE_TIMESTAMP']],
])('of the timestamp %j, it is told: %j', (timestamp, warnings) => {
  expect(read({ ...track, timestamp })).toMatchObject({ warnings });
});

describe('an event without a message id', () => {
  const { messageId: _, ...bare } = track;
  const stamped = { ...bare, timestamp: '2024-05-01', properties: { a: 1, b: { c: [1, null], d: 'x' } } };

  it('is known again by its hash if it has a timestamp', () => {
    const id = read(stamped).messageId;
    expect(id).toMatch(/^event-sha256-[0-9a-f]{64}$/);
    expect(
      read({ properties: { b: { d: 'x', c: [1, null] }, a: 1 }, timestamp: '2024-05-01', ...bare }).messageId,
    ).toBe(id);
    expect(read({ ...stamped, properties: { a: 2 } }).messageId).not.toBe(id);
    expect(read({ ...stamped, timestamp: '2024-05-02' }).messageId).not.toBe(id);
  });

  it('is a new one each time if it has none', () => {
    expect(read(bare).messageId).toBe('made here');
  });
});

describe('what an event says', () => {
  const payload = (raw: unknown) => {
    const event = read(raw);
    return event.type === 'IGNORED' ? null : JSON.parse(event.payload);
  };
  const nested = (levels: number): object => (levels === 0 ? {} : { in: nested(levels - 1) });

  it('stays as it is, in any script and with any key', () => {
    const raw = JSON.parse(
      '{"type": "track", "userId": "ü", "event": "送信 📨", "properties": {"__proto__": {"a": 1}, "constructor": "c", "back\\\\slash": "\\\\u0000 \\" \\n", "": [1.5, null]}}',
    );
    expect(JSON.stringify(payload(raw))).toBe(JSON.stringify(raw));
  });

  it('has what PostgreSQL cannot store replaced, in texts, keys and the name', () => {
    const raw = { ...track, event: 'a\u0000b', properties: { 'k\ud800': 'x\u0000\udc00\\u0000', ok: '📨' } };
    expect(payload(raw)).toEqual({
      ...track,
      event: 'a\ufffdb',
      properties: { 'k\ufffd': 'x\ufffd\ufffd\\u0000', ok: '📨' },
    });
    expect(read(raw)).toMatchObject({ eventName: 'a\ufffdb' });
  });

  it('may be as much as Segment takes, and more', () => {
    const empty = JSON.stringify({ ...track, properties: { text: '' } }).length;
    const raw = { ...track, properties: { text: 'x'.repeat(64 * 1024 - empty) } };
    expect(payload(raw)).toEqual(raw);
  });

  it('may be nested deeply, but not without end', () => {
    expect(payload({ ...track, properties: nested(498) })).toEqual({ ...track, properties: nested(498) });
    const tooDeep = { ...track, properties: nested(499) };
    expect(() => read(tooDeep)).toThrow('event: must be at most 500 levels deep');
  });
});
