import SchemaBuilder, { type ObjectFieldBuilder } from '@pothos/core';
import PrismaPlugin from '@pothos/plugin-prisma';
import type { PrismaClient } from '../database/generated/client.ts';
import type PrismaTypes from '../database/generated/pothos.ts';
import { getDatamodel } from '../database/generated/pothos.ts';
import type { Context } from './context.ts';
import { maxFields, maxItems } from './limits/answer-size.ts';
import { dateTime, json } from './scalars.ts';

type Types = PothosSchemaTypes.ExtendDefaultTypes<{
  Context: Context;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  Scalars: {
    DateTime: { Input: Date; Output: Date };
    JSON: { Input: unknown; Output: unknown };
  };
}>;

/** For fields that several object types share. */
export type Fields<Shape> = ObjectFieldBuilder<Types, Shape>;

/** How the types of every schema reach their rows. A selection that a resolver leaves unused is a defect. */
export const prismaOptions = {
  client: ({ db }: { db: PrismaClient }) => db,
  dmmf: getDatamodel(),
  onUnusedQuery: process.env.NODE_ENV === 'production' ? null : ('error' as const),
};

/** Where every type, query and mutation of the admin API is declared, concept by concept. */
export const builder = new SchemaBuilder<Types>({
  plugins: [PrismaPlugin],
  defaultFieldNullability: false,
  prisma: prismaOptions,
});

builder.scalarType('DateTime', dateTime);
builder.scalarType('JSON', json);

builder.queryType({
  description: `Everything that can be read. Every field needs a private key. An answer has up to ${maxItems} items of all its lists together, and ${maxFields} fields of them: one that would have more is refused as a whole, and the error tells what to page.`,
});
builder.mutationType({ description: 'Everything that can be changed. Every field needs a private key.' });
