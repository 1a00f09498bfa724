import SchemaBuilder from '@pothos/core';
import PrismaPlugin from '@pothos/plugin-prisma';
import type PrismaTypes from '../database/generated/pothos.ts';
import { prismaOptions } from '../graphql/builder.ts';
import { json } from '../graphql/scalars.ts';
import type { ClientContext } from './context.ts';

/** Where the types of the client API are declared. Browsers call it, so it can only read, and only one user. */
export const builder = new SchemaBuilder<{
  Context: ClientContext;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  Scalars: { JSON: { Input: unknown; Output: unknown } };
}>({
  plugins: [PrismaPlugin],
  defaultFieldNullability: false,
  prisma: prismaOptions,
});

builder.scalarType('JSON', json);
