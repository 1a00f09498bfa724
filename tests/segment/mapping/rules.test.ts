import { describe, expect, it } from '@jest/globals';
import { amountOf, oneUnit } from '../../../src/amount.ts';
import { parse } from '../../../src/input.ts';
import {
  checkTarget,
  type MappingRule,
  mapTrack,
  matches,
  NewMappingRule,
} from '../../../src/segment/mapping/rules.ts';

const consumable = new Map([
  ['messages', 0],
  ['Add-on Packages', 0],
  ['minutes', 2],
]);

const rule = (id: string, terms: Partial<MappingRule>): MappingRule => ({
  id,
  featureId: `feature of ${id}`,
  eventName: null,
  conditions: [],
  deltaPath: null,
  precision: 0,
  ...terms,
});
const byName = (id: string, eventName: string) => rule(id, { eventName });

const track = (properties?: unknown, eventName = 'Message Sent') => ({ eventName, properties });

describe('a track event that names its feature', () => {
  const direct = (delta: number) => ({ featureId: 'messages', ruleId: null, delta: amountOf(delta) });

  it.each<[string, unknown, number]>([
    ['counts 1 without a delta', {}, 1],
    ['counts 1 with a delta of null', { delta: null }, 1],
    ['counts its delta', { delta: 3 }, 3],
    ['counts a delta that is text', { delta: '12' }, 12],
    ['counts a delta with a sign and spaces', { delta: ' -12 ' }, -12],
    ['counts a delta of 0', { delta: 0 }, 0],
    ['reverts with a negative delta', { delta: -3 }, -3],
    ['counts billions', { delta: 5_000_000_000 }, 5_000_000_000],
    ['counts billions that are text', { delta: '99999999999' }, 99_999_999_999],
    ['takes a whole number that is written with decimals', { delta: '2.0' }, 2],
  ])('%s', (_name, properties, delta) => {
    const event = track({ featureId: 'messages', ...(properties as object) });
    expect(mapTrack(event, consumable, [byName('r', 'Message Sent')])).toEqual(direct(delta));
  });

  it.each<[string, unknown]>([
    ['the feature is unknown', { featureId: 'nothing' }],
    ['the feature is no text', { featureId: 5 }],
    ['the feature is null', { featureId: null }],
    ['the feature is inherited', JSON.parse('{"__proto__": {"featureId": "messages"}}')],
    ['the delta is a fraction', { featureId: 'messages', delta: 1.5 }],
    ['the delta is text that is no integer', { featureId: 'messages', delta: '1.5' }],
    ['the delta is empty text', { featureId: 'messages', delta: '' }],
    ['the delta is a word', { featureId: 'messages', delta: 'two' }],
    ['the delta is a truth value', { featureId: 'messages', delta: true }],
    ['the delta is an object', { featureId: 'messages', delta: {} }],
    ['the delta is larger than any amount', { featureId: 'messages', delta: 1e15 + 1 }],
    ['the delta is text larger than any amount', { featureId: 'messages', delta: '1000000000000001' }],
    ['the delta has more digits than its precision', { featureId: 'minutes', delta: 0.125 }],
    ['there are no properties', undefined],
    ['the properties are null', null],
    ['the properties are an array', [{ featureId: 'messages' }]],
    ['the properties are text', 'featureId'],
  ])('falls to the rules when %s', (_name, properties) => {
    const rules = [byName('r', 'Message Sent')];
    const mapping = { featureId: 'feature of r', ruleId: 'r', delta: oneUnit };
    expect(mapTrack(track(properties), consumable, rules)).toEqual(mapping);
    expect(mapTrack(track(properties), consumable, [])).toBeNull();
  });

  it('counts 1 when a rule claims it, whatever its delta says', () => {
    const event = track({ delta: 40 });
    expect(mapTrack(event, consumable, [byName('r', 'Message Sent')])).toMatchObject({ delta: oneUnit });
  });
});

describe('of several rules', () => {
  const older = byName('older', 'Message Sent');
  const newer = rule('newer', { conditions: [{ path: 'type', equals: 'addon' }] });

  it.each<[string, MappingRule[], string | undefined]>([
    ['the oldest that matches counts', [older, newer], 'older'],
    ['the order decides, not how much a rule asks for', [newer, older], 'newer'],
    ['one that does not match is passed over', [byName('other', 'Other'), newer, older], 'newer'],
    ['none may match', [byName('other', 'Other')], undefined],
  ])('%s', (_name, rules, winner) => {
    const mapping = mapTrack(track({ type: 'addon' }), consumable, rules);
    if (winner === undefined) expect(mapping).toBeNull();
    else expect(mapping).toMatchObject({ ruleId: winner });
  });
});

describe('a rule that says where the delta is', () => {
  const minutes = rule('minutes', { eventName: 'Message Sent', deltaPath: 'call.minutes' });
  const claimed = (delta: number) => ({
    featureId: 'feature of minutes',
    ruleId: 'minutes',
    delta: amountOf(delta),
  });

  it.each<[unknown, number]>([
    [5, 5],
    ['12', 12],
    [-3, -3],
    [0, 0],
  ])('counts %j', (delta, expected) => {
    expect(mapTrack(track({ call: { minutes: delta } }), consumable, [minutes])).toEqual(claimed(expected));
  });

  it.each([undefined, null, 1.5, 'many', true, {}, [], 1e15 + 1])('cannot use %j', (delta) => {
    const event = track({ call: { minutes: delta } });
    expect(mapTrack(event, consumable, [minutes])).toEqual({ unusableFor: 'minutes' });
    const counting = byName('counting', 'Message Sent');
    expect(mapTrack(event, consumable, [minutes, counting])).toMatchObject({
      ruleId: 'counting',
      delta: oneUnit,
    });
    expect(mapTrack(event, consumable, [rule('other', { deltaPath: 'x' }), minutes])).toEqual({
      unusableFor: 'other',
    });
  });
});

describe('a rule', () => {
  const properties = {
    type: 'addon',
    count: 5,
    price: 9.5,
    large: 1e21,
    paid: true,
    free: false,
    nothing: null,
    empty: '',
    list: ['addon'],
    object: { name: 'Package', deep: { er: { still: 'here' } } },
    'dotted.name': 'never',
  };

  it.each<[string, string, string, boolean]>([
    ['equal text', 'type', 'addon', true],
    ['other text', 'type', 'base', false],
    ['text in another case', 'type', 'Addon', false],
    ['text with a space more', 'type', 'addon ', false],
    ['a number as text', 'count', '5', true],
    ['a number written otherwise', 'count', '5.0', false],
    ['a fraction', 'price', '9.5', true],
    ['a large number', 'large', '1e+21', true],
    ['true', 'paid', 'true', true],
    ['false', 'free', 'false', true],
    ['empty text', 'empty', '', true],
    ['null as text', 'nothing', 'null', false],
    ['null as nothing', 'nothing', '', false],
    ['what is not there', 'missing', 'undefined', false],
    ['what is not there as nothing', 'missing', '', false],
    ['an array', 'list', 'addon', false],
    ['an item of an array', 'list.0', 'addon', false],
    ['the length of an array', 'list.length', '1', false],
    ['the length of a text', 'type.length', '5', false],
    ['an object', 'object', '[object Object]', false],
    ['a value in an object', 'object.name', 'Package', true],
    ['a value deep in objects', 'object.deep.er.still', 'here', true],
    ['a path that goes on behind text', 'type.name', 'addon', false],
    ['a key with a dot in it', 'dotted.name', 'never', false],
    ['an inherited function', 'toString', 'function toString() { [native code] }', false],
    ['an inherited name', 'constructor.name', 'Object', false],
    ['the prototype', '__proto__.type', 'addon', false],
  ])('compares %s', (_name, path, equals, expected) => {
    expect(matches({ eventName: null, conditions: [{ path, equals }] }, track(properties))).toBe(expected);
  });

  it('compares a key called __proto__ like any other, and only the own one', () => {
    const terms = { eventName: null, conditions: [{ path: '__proto__.admin', equals: 'true' }] };
    expect(matches(terms, track(JSON.parse('{"__proto__": {"admin": true}}')))).toBe(true);
    expect(matches(terms, track(Object.create({ admin: true })))).toBe(false);
  });

  it.each<[string, Partial<MappingRule>, boolean]>([
    ['the name', { eventName: 'Message Sent' }, true],
    ['another name', { eventName: 'Message sent' }, false],
    [
      'the name and a condition',
      { eventName: 'Message Sent', conditions: [{ path: 'count', equals: '5' }] },
      true,
    ],
    [
      'the name and a condition that fails',
      { eventName: 'Message Sent', conditions: [{ path: 'count', equals: '6' }] },
      false,
    ],
    [
      'another name and a condition',
      { eventName: 'Other', conditions: [{ path: 'count', equals: '5' }] },
      false,
    ],
    [
      'two conditions',
      {
        conditions: [
          { path: 'count', equals: '5' },
          { path: 'type', equals: 'addon' },
        ],
      },
      true,
    ],
    [
      'two conditions of which one fails',
      {
        conditions: [
          { path: 'count', equals: '5' },
          { path: 'type', equals: 'base' },
        ],
      },
      false,
    ],
  ])('asks for all it names: %s', (_name, terms, expected) => {
    expect(matches(rule('r', terms), track(properties))).toBe(expected);
  });
});

describe('the input of a rule', () => {
  const read = (input: object) =>
    parse(NewMappingRule, { name: 'Sent', featureId: 'messages', ...input }, 'input');
  const terms = { name: 'Sent', featureId: 'messages', eventName: null, conditions: [], deltaPath: null };

  it.each<[string, object, object]>([
    ['an event name alone', { eventName: 'Sent' }, { ...terms, eventName: 'Sent' }],
    [
      'conditions alone',
      { conditions: [{ path: 'object.name', equals: '' }] },
      { ...terms, conditions: [{ path: 'object.name', equals: '' }] },
    ],
    ['null for no conditions', { eventName: 'Sent', conditions: null }, { ...terms, eventName: 'Sent' }],
  ])('takes %s', (_name, input, expected) => {
    expect(read(input)).toEqual(expected);
  });

  it.each<[string, object, string]>([
    [
      'nothing to match by',
      {},
      'input.conditions: must hold a condition when there is no event name: a rule for every event is refused',
    ],
    [
      'an empty list of conditions',
      { conditions: [] },
      'input.conditions: must hold a condition when there is no event name: a rule for every event is refused',
    ],
    ['an empty event name', { eventName: '' }, 'input.eventName: must be the name of what happened'],
    [
      'an empty path',
      { conditions: [{ path: '', equals: 'x' }] },
      'input.conditions.0.path: must be names between dots, such as "object.name"',
    ],
    [
      'a path that ends with a dot',
      { conditions: [{ path: 'a.', equals: 'x' }] },
      'input.conditions.0.path: must be names between dots, such as "object.name"',
    ],
    ['a blank name', { name: ' ', eventName: 'Sent' }, 'input.name: must not be blank'],
    [
      'more than 20 conditions',
      { conditions: Array.from({ length: 21 }, () => ({ path: 'a', equals: 'x' })) },
      'input.conditions: must be at most 20',
    ],
  ])('refuses %s', (_name, input, message) => {
    expect(() => read(input)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT', message }));
  });

  it('refuses a BINARY feature, which records no usage', () => {
    expect(() => checkTarget('CONSUMABLE')).not.toThrow();
    expect(() => checkTarget('BINARY')).toThrow('input.featureId: must name a CONSUMABLE feature');
  });
});
