import SchemaBuilder, { type ObjectFieldBuilder } from '@pothos/core';
import PrismaPlugin from '@pothos/plugin-prisma';
import type { Amount } from '../amount.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import type PrismaTypes from '../database/generated/pothos.ts';
import { getDatamodel } from '../database/generated/pothos.ts';
import type { Context } from './context.ts';
import { maxFields, maxItems } from './limits/answer-size.ts';
import { amount, dateTime, json } from './scalars.ts';

type Types = PothosSchemaTypes.ExtendDefaultTypes<{
  Context: Context;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  Scalars: {
    Amount: { Input: unknown; Output: Amount };
    DateTime: { Input: Date; Output: Date };
    JSON: { Input: unknown; Output: unknown };
  };
}>;

/** For fields that several object types share. */
export type Fields<Shape> = ObjectFieldBuilder<Types, Shape>;

/** The options of the Prisma plugin, for both schemas. In tests, a selection that is not used is an error. */
export const prismaOptions = {
  client: ({ db }: { db: PrismaClient }) => db,
  dmmf: getDatamodel(),
  onUnusedQuery: process.env.OPEN_KANA_TESTS === 'true' ? ('error' as const) : null,
};

/** The schema builder of the admin API. Each concept adds its types, queries and mutations. */
export const builder = new SchemaBuilder<Types>({
  plugins: [PrismaPlugin],
  defaultFieldNullability: false,
  prisma: prismaOptions,
});

builder.scalarType('Amount', amount);
builder.scalarType('DateTime', dateTime);
builder.scalarType('JSON', json);

builder.queryType({
  description: `All queries. Every field needs a private key with the scope \`read\`. All lists of an answer together have at most ${maxItems} items and ${maxFields} fields. A larger answer is refused, and the error names the list to page through.`,
});
builder.mutationType({
  description:
    'All mutations. Every field needs a private key: with the scope `usage` to record usage and to reserve it, `ingest` for events, `admin` for everything else.',
});
