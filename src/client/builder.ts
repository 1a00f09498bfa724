import SchemaBuilder from '@pothos/core';
import PrismaPlugin from '@pothos/plugin-prisma';
import type { Amount } from '../amount.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import type PrismaTypes from '../database/generated/pothos.ts';
import type { FindStanding } from '../entitlements/store.ts';
import { prismaOptions } from '../graphql/builder.ts';
import { amount, dateTime, json } from '../graphql/scalars.ts';

/** The context of every resolver of the client API. */
export interface ClientContext {
  db: PrismaClient;
  /** The environment of the request's credentials. */
  environmentId: string;
  /** The id of the user who may be read. The user may not exist. */
  userId: string;
  findStanding: FindStanding;
}

/** The schema builder of the client API. Browsers call it, so it only reads, and only one user. */
export const builder = new SchemaBuilder<{
  Context: ClientContext;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  Scalars: {
    Amount: { Input: unknown; Output: Amount };
    DateTime: { Input: Date; Output: Date };
    JSON: { Input: unknown; Output: unknown };
  };
}>({
  plugins: [PrismaPlugin],
  defaultFieldNullability: false,
  prisma: prismaOptions,
});

builder.scalarType('Amount', amount);
builder.scalarType('DateTime', dateTime);
builder.scalarType('JSON', json);
