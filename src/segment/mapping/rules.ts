import { z } from 'zod';
import { invalidInput } from '../../errors.ts';
import { Id, Line, Name } from '../../input.ts';
import { EventName } from '../events/rules.ts';

/** What must be at a path of an event's properties, compared as text. */
export interface Condition {
  path: string;
  equals: string;
}

/** What an event must say to be usage of a feature: everything named here. */
export interface Terms {
  eventName: string | null;
  conditions: readonly Condition[];
  /** Where the delta stands among the properties; null counts 1. */
  deltaPath: string | null;
}

/** A rule as it decides events. */
export interface MappingRule extends Terms {
  id: string;
  featureId: string;
}

/** A track event as the rules see it. */
export interface TrackedEvent {
  eventName: string;
  properties: unknown;
}

/** That an event is usage of a feature; by a rule, or by what the event itself says if `ruleId` is null. */
export interface Mapping {
  featureId: string;
  ruleId: string | null;
  delta: number;
}

/** That a rule matches an event, whose delta it cannot use. */
export interface UnusableDelta {
  unusableFor: string;
}

const maxConditions = 20;

/** How much of properties is in memory at once while stored events are examined, as JSON text. */
export const maxExaminedBytes = 8 * 1024 * 1024;

const Path = Line.refine(
  (path) => path.split('.').every((key) => key !== ''),
  'must be names between dots, such as "object.name"',
);

/** A new rule, or what an edited rule says from now on. */
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

/** A rule records usage, which only a CONSUMABLE feature has. @throws ValidationError */
export function checkTarget(type: 'BINARY' | 'CONSUMABLE'): void {
  if (type === 'BINARY') throw invalidInput('input.featureId', 'must name a CONSUMABLE feature');
}

/**
 * What a track event is usage of; null when nothing says so. An event that names a CONSUMABLE feature, with a
 * delta that is an integer or has none, speaks for itself. Any other falls to the rules, of which the oldest counts that
 * matches and finds its delta. If rules match but none finds its delta, the event waits for a better rule.
 *
 * @param consumableIds the ids of features that are CONSUMABLE, this event's among them if it is one
 * @param rules all rules, the oldest first
 */
export function mapTrack(
  event: TrackedEvent,
  consumableIds: ReadonlySet<string>,
  rules: readonly MappingRule[],
): Mapping | UnusableDelta | null {
  const featureId = namedFeature(event);
  const delta = readDelta(own(event.properties, 'delta') ?? 1);
  if (featureId !== null && consumableIds.has(featureId) && delta !== null)
    return { featureId, ruleId: null, delta };
  let unusable: UnusableDelta | null = null;
  for (const rule of rules) {
    const claim = claimBy(rule, event);
    if (claim !== null && !('unusableFor' in claim)) return claim;
    unusable ??= claim;
  }
  return unusable;
}

/** What an event is usage of by this rule; null if it does not match. */
export function claimBy(
  rule: Terms & Pick<MappingRule, 'id' | 'featureId'>,
  event: TrackedEvent,
): Mapping | UnusableDelta | null {
  if (!matches(rule, event)) return null;
  const delta = rule.deltaPath === null ? 1 : readDelta(valueAt(event.properties, rule.deltaPath));
  return delta === null ? { unusableFor: rule.id } : { featureId: rule.featureId, ruleId: rule.id, delta };
}

/** The feature that the event names itself, known or not; null when it names none. */
export function namedFeature({ properties }: Pick<TrackedEvent, 'properties'>): string | null {
  const featureId = own(properties, 'featureId');
  return typeof featureId === 'string' ? featureId : null;
}

/** A delta as an event says it, a 32-bit integer or text of one; null for anything else. */
function readDelta(delta: unknown): number | null {
  const number = typeof delta === 'string' && /^\s*[+-]?\d+\s*$/.test(delta) ? Number(delta) : delta;
  return z.int32().safeParse(number).data ?? null;
}

/** Whether the event says everything that the rule asks for. */
export function matches({ eventName, conditions }: Omit<Terms, 'deltaPath'>, event: TrackedEvent): boolean {
  if (eventName !== null && eventName !== event.eventName) return false;
  return conditions.every(({ path, equals }) => textAt(event.properties, path) === equals);
}

/** Text, numbers and truth values as text; null for what is not there, objects, arrays and null itself. */
export function textOf(value: unknown): string | null {
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : null;
}

const valueAt = (properties: unknown, path: string) => path.split('.').reduce(own, properties);
const textAt = (properties: unknown, path: string) => textOf(valueAt(properties, path));

/** Only what the event itself says counts, never what every object inherits; arrays are not looked into. */
function own(object: unknown, key: string): unknown {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return undefined;
  return Object.getOwnPropertyDescriptor(object, key)?.value;
}
