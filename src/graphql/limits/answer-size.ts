import {
  defaultFieldResolver,
  type GraphQLError,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
  responsePathAsArray,
} from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { invalidInput } from '../../errors.ts';
import { loopTurn } from '../../slices.ts';
import { graphQLErrorOf } from '../errors.ts';
import { fieldsOfItem, fieldsOfText } from './answer-rules.ts';

/*
 * The size limit of an answer. Answers are built in memory, and the lengths of lists are known only after loading:
 * operation.ts estimates them from the operation alone. So items are counted while the answer is built, before they
 * become part of it. An answer that is too large is refused as a whole.
 */

/** The items of all lists together. An item that appears twice counts twice. */
export const maxItems = 100_000;
/** The fields of all items together. JSON values and long texts count by their length. */
export const maxFields = 1_000_000;

/** The size of one answer so far. */
interface Tally {
  items: number;
  fields: number;
  /** Rows that were read for nested lists. Each appears at least once. */
  rows: number;
  /** The paths of the lists that have pages. */
  pageable: Set<string>;
  /** Resolves when the current read is complete. */
  reading: Promise<unknown>;
  /** The error, once the answer is too large. It is located: every pending field fails with this same object. */
  refusal?: GraphQLError;
}

/** By the context of the request. A request without lists has no tally. */
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

/** A cache: lists at one path share their nodes, and several items may share one object. */
const measures = new WeakMap<object, number>();

function measured(subject: unknown, measure: () => number): number {
  if (!(subject instanceof Object)) return measure();
  const size = measures.get(subject) ?? measure();
  measures.set(subject, size);
  return size;
}

/** Returns the path of a field in the answer, without list indexes, such as `features.packages`. */
export function answerPathOf({ path }: Pick<GraphQLResolveInfo, 'path'>): string {
  const names: string[] = [];
  for (let segment: typeof path | undefined = path; segment !== undefined; segment = segment.prev)
    if (typeof segment.key === 'string') names.unshift(segment.key);
  return names.join('.');
}

/**
 * Reads the rows of nested lists. One read at a time for each request, so that rows are counted before more are loaded.
 * Root lists take their turn elsewhere: two turns for one field would block each other.
 *
 * @param load returns at most `take` rows: one more than allowed
 * @throws ValidationError if the answer is too large
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

function refuse({ fields, pageable }: Tally, info: GraphQLResolveInfo): GraphQLError {
  const path = answerPathOf(info);
  const page = [...pageable].find((list) => `${path}.`.startsWith(`${list}.`));
  const limit = fields > maxFields ? `${maxFields} fields` : `${maxItems} items of lists`;
  const remedy = page === undefined ? 'ask for less at once' : `page through ${page} with first and after`;
  const note = info.operation.operation === 'mutation' ? '; the change is made' : '';
  const error = invalidInput(path, `with this the answer has more than ${limit}; ${remedy}${note}`);
  return graphQLErrorOf(error, { nodes: info.fieldNodes, path: responsePathAsArray(info.path) });
}

/** Replaces an answer that is too large by its one error. */
export function useWholeAnswers(): Plugin {
  return {
    onExecute: ({ args }) => ({
      onExecuteDone({ result, setResult }) {
        const refusal = tallies.get(args.contextValue)?.refusal;
        if (refusal === undefined || isAsyncIterable(result)) return;
        setResult({ data: null, errors: [refusal] });
      },
    }),
  };
}

type Resolve = GraphQLFieldResolver<unknown, object>;

/** Counts every answer of this schema, by wrapping its resolvers; see above. Returns the schema. */
export function withCountedAnswers(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    const isRoot = type === schema.getQueryType();
    for (const field of Object.values(type.getFields())) field.resolve = counted(field, isRoot);
  }
  return schema;
}

/** Wraps the resolver of a field that can be large. Root lists, and lists with pages, are read one after another. */
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
      return whenResolved(resolve(source, args, context, info), (value) => count(value, context, info));
    };
  return (source, args, context, info) => {
    const tally = tallyOf(context);
    if (isPaged) tally.pageable.add(answerPathOf(info));
    return inTurn(tally, info, async () => count(await resolve(source, args, context, info), context, info));
  };
}

function whenResolved(value: unknown, count: (value: unknown) => unknown): unknown {
  return value instanceof Object && 'then' in value ? (value as Promise<unknown>).then(count) : count(value);
}

function countItems(value: unknown, context: object, info: GraphQLResolveInfo): unknown {
  if (!Array.isArray(value)) return value;
  const tally = tallyOf(context);
  const fieldsEach = measured(info.fieldNodes, () => fieldsOfItem(info));
  tally.items += value.length;
  tally.fields += value.length * fieldsEach;
  check(tally, info);
  return value.length * fieldsEach > maxFieldsAtOnce ? inSlices(value, fieldsEach, context) : value;
}

/** How many fields of a list are executed before other requests get the event loop. */
const maxFieldsAtOnce = 10_000;

/** The items of a long list. They are executed as they come; see loopTurn. */
async function* inSlices(items: readonly unknown[], fieldsEach: number, context: object) {
  const { environmentId } = context as { environmentId?: string };
  let fields = 0;
  for (const item of items) {
    fields += fieldsEach;
    if (fields > maxFieldsAtOnce) {
      await loopTurn(environmentId);
      fields = 0;
    }
    yield item;
  }
}

function countText(value: unknown, context: object, info: GraphQLResolveInfo): unknown {
  const tally = tallyOf(context);
  tally.fields += measured(value, () => fieldsOfText(value));
  check(tally, info);
  return value;
}
