import {
  defaultFieldResolver,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
} from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { type DomainError, invalidInput } from '../../errors.ts';
import { graphQLErrorOf } from '../errors.ts';
import { fieldsOfItem, fieldsOfText } from './answer-rules.ts';

/*
 * How large an answer may become. It is built in memory, and what the lists in it hold together is known only when
 * they are there: limits.ts, which looks at the operation alone, takes each for a short one. So it is counted while
 * it is built, before the items of a list become part of it, and refused as a whole when it is too large.
 */

/** Items of all lists together, each wherever it is told. */
export const maxItems = 100_000;
/** Fields of all items together; a JSON value, and a long text, count by their length. */
export const maxFields = 1_000_000;

/** What one answer holds so far. */
interface Tally {
  items: number;
  fields: number;
  /** Rows that were read for lists within lists; each is told at least once. */
  rows: number;
  /** The places of the lists that can be paged. */
  pageable: Set<string>;
  /** What reads now. */
  reading: Promise<unknown>;
  /** Set once it is too large: what the caller is told. */
  refusal?: DomainError;
}

/** By the context of the request, so that one who tells no list pays nothing. */
const tallies = new WeakMap<object, Tally>();

function tallyOf(context: object): Tally {
  const known = tallies.get(context);
  if (known !== undefined) return known;
  const tally: Tally = {
    items: 0,
    fields: 0,
    rows: 0,
    pageable: new Set<string>(),
    reading: Promise.resolve(),
  };
  tallies.set(context, tally);
  return tally;
}

/** What was measured before: the lists of one place have the same nodes, and many items may tell one object. */
const measures = new WeakMap<object, number>();

function measured(what: unknown, measure: () => number): number {
  if (!(what instanceof Object)) return measure();
  const size = measures.get(what) ?? measure();
  measures.set(what, size);
  return size;
}

/** Where something is in the answer, whichever item of its lists: `features.packages`. */
export function placeOf({ path }: Pick<GraphQLResolveInfo, 'path'>): string {
  const names: string[] = [];
  for (let step: typeof path | undefined = path; step !== undefined; step = step.prev)
    if (typeof step.key === 'string') names.unshift(step.key);
  return names.join('.');
}

/**
 * Reads the rows of lists within lists: one such reading of a request at a time, so that they are never in memory
 * together before they are counted. Lists at the root have their turn already, and must not wait for another.
 *
 * @param load at most `take` rows: one more than may be
 * @throws ValidationError when the answer has become too large
 */
export async function readRows<Row>(
  context: object,
  info: GraphQLResolveInfo,
  load: (take: number) => Promise<Row[]>,
): Promise<Row[]> {
  const tally = tallyOf(context);
  return inTurn(tally, info, async () => {
    const rows = await load(maxItems - tally.rows + 1);
    tally.rows += rows.length;
    check(tally, info);
    return rows;
  });
}

function inTurn<Result>(
  tally: Tally,
  info: GraphQLResolveInfo,
  work: () => Promise<Result>,
): Promise<Result> {
  const result = tally.reading.then(() => {
    check(tally, info);
    return work();
  });
  tally.reading = result.catch(() => undefined);
  return result;
}

function check(tally: Tally, info: GraphQLResolveInfo): void {
  if (tally.items <= maxItems && tally.rows <= maxItems && tally.fields <= maxFields) return;
  tally.refusal ??= refuse(tally, info);
  throw tally.refusal;
}

function refuse({ fields, pageable }: Tally, info: GraphQLResolveInfo): DomainError {
  const place = placeOf(info);
  const page = [...pageable].find((list) => `${place}.`.startsWith(`${list}.`));
  const many = fields > maxFields ? `${maxFields} fields` : `${maxItems} items of lists`;
  const remedy = page === undefined ? 'ask for less at once' : `page through ${page} with first and after`;
  const isMade = info.operation.operation === 'mutation' ? '; the change is made' : '';
  return invalidInput(place, `with this the answer has more than ${many}; ${remedy}${isMade}`);
}

/** Refuses an answer that is too large as a whole, and once: each field that is still on its way would say so. */
export function useWholeAnswers(): Plugin {
  return {
    onExecute: ({ args }) => ({
      onExecuteDone({ result, setResult }) {
        const refusal = tallies.get(args.contextValue)?.refusal;
        if (refusal === undefined || isAsyncIterable(result)) return;
        const error = result.errors?.find(({ message }) => message === refusal.message);
        setResult({ data: null, errors: [error ?? graphQLErrorOf(refusal)] });
      },
    }),
  };
}

type Resolve = GraphQLFieldResolver<unknown, object>;

/** Has every answer of this schema counted; see above. Answers the schema. */
export function withCountedAnswers(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    const isRoot = type === schema.getQueryType();
    for (const field of Object.values(type.getFields())) field.resolve = counted(field, isRoot);
  }
  return schema;
}

/** How a field is resolved, and counted if it can be large. Lists at the root, and those in pages, read in turn. */
function counted(field: GraphQLField<unknown, object>, isRoot: boolean): Resolve {
  const { resolve = defaultFieldResolver } = field;
  const isList = isListType(getNullableType(field.type));
  const isText = getNamedType(field.type).name === 'JSON' || (isRoot && `${field.type}` === 'String!');
  if (!isList && !isText) return resolve;
  const count = isList ? countItems : countText;
  const isPaged = field.args.some(({ name }) => name === 'after');
  if (!isRoot && !isPaged)
    return (source, args, context, info) => {
      check(tallyOf(context), info);
      return whenThere(resolve(source, args, context, info), (value) => count(value, context, info));
    };
  return (source, args, context, info) => {
    const tally = tallyOf(context);
    if (isPaged) tally.pageable.add(placeOf(info));
    return inTurn(tally, info, async () => count(await resolve(source, args, context, info), context, info));
  };
}

function whenThere(value: unknown, count: (value: unknown) => unknown): unknown {
  return value instanceof Object && 'then' in value ? (value as Promise<unknown>).then(count) : count(value);
}

function countItems(value: unknown, context: object, info: GraphQLResolveInfo): unknown {
  if (!Array.isArray(value)) return value;
  const tally = tallyOf(context);
  tally.items += value.length;
  tally.fields += value.length * measured(info.fieldNodes, () => fieldsOfItem(info));
  check(tally, info);
  return value;
}

function countText(value: unknown, context: object, info: GraphQLResolveInfo): unknown {
  const tally = tallyOf(context);
  tally.fields += measured(value, () => fieldsOfText(value));
  check(tally, info);
  return value;
}
