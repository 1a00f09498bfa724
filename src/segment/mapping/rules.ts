import { z } from 'zod';
import { type Amount, AmountInput, fits, oneUnit, readAmount } from '../../amount.ts';
import { invalidInput } from '../../errors.ts';
import { Id, Line, Name } from '../../input.ts';
import { EventName } from '../events/rules.ts';

/** A path in an event's properties, and its required value. Compared as text. */
export interface Condition {
  path: string;
  equals: string;
}

/** All of these must match. */
export interface RuleCriteria {
  eventName: string | null;
  conditions: readonly Condition[];
  /** The path of the delta in the properties; null counts 1. */
  deltaPath: string | null;
}

/** A rule by which events are mapped. */
export interface MappingRule extends RuleCriteria {
  id: string;
  featureId: string;
  /** The precision of its feature. */
  precision: number;
}

/** The fields of a track event that rules compare. */
export interface TrackedEvent {
  eventName: string;
  properties: unknown;
}

/** Makes an event usage of a feature. `ruleId` is null if the event names the feature itself. */
export interface Mapping {
  featureId: string;
  ruleId: string | null;
  delta: Amount;
}

/** A rule matches an event but finds no usable delta. */
export interface UnusableDelta {
  unusableFor: string;
}

const maxConditions = 20;

/** The most JSON text of properties in memory at once while stored events are examined. */
export const maxExaminedBytes = 8 * 1024 * 1024;

const Path = Line.refine(
  (path) => path.split('.').every((key) => key !== ''),
  'must be names between dots, such as "object.name"',
);

/** The fields of a new or edited rule. */
export const NewMappingRule = z
  .object({
    name: Name,
    featureId: Id,
    eventName: EventName.nullish().transform((name) => name ?? null),
    conditions: z
      .array(z.object({ path: Path, equals: Line }))
      .max(maxConditions, `must be at most ${maxConditions}`)
      .nullish()
      .transform((conditions) => conditions ?? []),
    deltaPath: Path.nullish().transform((path) => path ?? null),
  })
  .refine(({ eventName, conditions }) => eventName !== null || conditions.length > 0, {
    path: ['conditions'],
    message: 'must hold a condition when there is no event name: a rule for every event is refused',
  });

/** Only a CONSUMABLE feature has usage. @throws ValidationError */
export function checkTarget(type: 'BINARY' | 'CONSUMABLE'): void {
  if (type === 'BINARY') throw invalidInput('input.featureId', 'must name a CONSUMABLE feature');
}

/**
 * Maps a track event to a feature; null if nothing matches. An event that names a CONSUMABLE feature, with a delta
 * that the feature can have or none, needs no rule. Otherwise the oldest rule counts that matches and finds a usable delta. If rules match
 * but none finds a delta, the event waits for a better rule.
 *
 * @param precisions the precision of each CONSUMABLE feature among those that events name
 * @param rules all rules, oldest first
 */
export function mapTrack(
  event: TrackedEvent,
  precisions: ReadonlyMap<string, number>,
  rules: readonly MappingRule[],
): Mapping | UnusableDelta | null {
  const featureId = namedFeature(event);
  const precision = featureId === null ? undefined : precisions.get(featureId);
  if (featureId !== null && precision !== undefined) {
    const delta = readDelta(own(event.properties, 'delta') ?? 1, precision);
    if (delta !== null) return { featureId, ruleId: null, delta };
  }
  let unusable: UnusableDelta | null = null;
  for (const rule of rules) {
    const mapping = mapBy(rule, event);
    if (mapping !== null && !('unusableFor' in mapping)) return mapping;
    unusable ??= mapping;
  }
  return unusable;
}

/** Maps an event by one rule; null if the rule does not match. */
export function mapBy(
  rule: RuleCriteria & Pick<MappingRule, 'id' | 'featureId' | 'precision'>,
  event: TrackedEvent,
): Mapping | UnusableDelta | null {
  if (!matches(rule, event)) return null;
  const delta =
    rule.deltaPath === null ? oneUnit : readDelta(valueAt(event.properties, rule.deltaPath), rule.precision);
  return delta === null ? { unusableFor: rule.id } : { featureId: rule.featureId, ruleId: rule.id, delta };
}

/** The feature id in the event's own properties, known or not; null if there is none. */
export function namedFeature({ properties }: Pick<TrackedEvent, 'properties'>): string | null {
  const featureId = own(properties, 'featureId');
  return typeof featureId === 'string' ? featureId : null;
}

/** An amount that a feature of this precision can have, or text of one; null for anything else. */
function readDelta(delta: unknown, precision: number): Amount | null {
  const amount =
    typeof delta === 'string' ? readAmount(delta.trim()) : (AmountInput.safeParse(delta).data ?? null);
  return amount !== null && fits(amount, precision) ? amount : null;
}

/** Whether the event has the rule's name and meets all its conditions. */
export function matches(
  { eventName, conditions }: Omit<RuleCriteria, 'deltaPath'>,
  event: TrackedEvent,
): boolean {
  if (eventName !== null && eventName !== event.eventName) return false;
  return conditions.every(({ path, equals }) => textAt(event.properties, path) === equals);
}

/** Text, numbers and booleans as text; null for objects, arrays, null and undefined. */
export function textOf(value: unknown): string | null {
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : null;
}

const valueAt = (properties: unknown, path: string) => path.split('.').reduce(own, properties);
const textAt = (properties: unknown, path: string) => textOf(valueAt(properties, path));

/** Reads own properties only, none that objects inherit, and does not look into arrays. */
function own(object: unknown, key: string): unknown {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return undefined;
  return Object.getOwnPropertyDescriptor(object, key)?.value;
}

/** How many events have a value at a path of their properties. */
export interface PropertyCount {
  path: string;
  /** The value as text, as a condition compares it. */
  value: string;
  count: number;
}

/**
 * Suggests conditions, most frequent first. Values with the same text are one group, such as 5 and "5".
 *
 * @param found no objects, arrays or null
 */
export function groupByText(
  found: readonly { path: string; value: unknown; count: number }[],
): PropertyCount[] {
  const groups = new Map<string, PropertyCount>();
  for (const { path, value, count } of found) {
    const text = textOf(value);
    if (text === null) continue;
    const name = JSON.stringify([path, text]);
    groups.set(name, { path, value: text, count: (groups.get(name)?.count ?? 0) + count });
  }
  return [...groups.values()].sort(
    (a, b) => b.count - a.count || compare(a.path, b.path) || compare(a.value, b.value),
  );
}

const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b));
