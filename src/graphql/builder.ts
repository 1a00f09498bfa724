import SchemaBuilder, { type ObjectFieldBuilder } from '@pothos/core';
import PrismaPlugin from '@pothos/plugin-prisma';
import type PrismaTypes from '../database/generated/pothos.ts';
import { getDatamodel } from '../database/generated/pothos.ts';
import type { Context } from './context.ts';

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

/** Where every type, query and mutation of the admin API is declared, concept by concept. */
export const builder = new SchemaBuilder<Types>({
  plugins: [PrismaPlugin],
  defaultFieldNullability: false,
  prisma: {
    client: (context) => context.db,
    dmmf: getDatamodel(),
    onUnusedQuery: process.env.NODE_ENV === 'production' ? null : 'error',
  },
});

builder.queryType({ description: 'Everything that can be read. Every field needs a private key.' });
builder.mutationType({ description: 'Everything that can be changed. Every field needs a private key.' });
