// What a stock server costs: createYoga as its documentation shows it, the same mutation, a constant answer.
import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';

const yoga = createYoga({
  schema: createSchema({
    typeDefs: `
      input CreateUsageEventInput { userId: String!  featureId: String!  delta: Int = 1 }
      type RecordedUsage { recorded: Boolean!  reason: String }
      type Query { ok: Boolean! }
      type Mutation { recordUsage(input: CreateUsageEventInput!): RecordedUsage }
    `,
    resolvers: { Mutation: { recordUsage: () => ({ recorded: true, reason: null }) } },
  }),
  logging: false,
});

createServer(yoga).listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
