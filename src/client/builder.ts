import SchemaBuilder from '@pothos/core';
import PrismaPlugin from '@pothos/plugin-prisma';
import type { Amount } from '../amount.ts';
import type PrismaTypes from '../database/generated/pothos.ts';
import { prismaOptions } from '../graphql/builder.ts';
import { amount, json } from '../graphql/scalars.ts';
import type { ClientContext } from './context.ts';

/** The schema builder of the client API. Browsers call it, so it only reads, and only one user. */
export const builder = new SchemaBuilder<{
  Context: ClientContext;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  Scalars: { Amount: { Input: unknown; Output: Amount }; JSON: { Input: unknown; Output: unknown } };
}>({
  plugins: [PrismaPlugin],
  defaultFieldNullability: false,
  prisma: prismaOptions,
});

builder.scalarType('Amount', amount);
builder.scalarType('JSON', json);
