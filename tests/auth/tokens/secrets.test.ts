import { describe, expect, test } from '@jest/globals';
import { type GraphQLSchema, isObjectType } from 'graphql';
import { clientSchema } from '../../../src/client/schema.ts';
import { schema } from '../../../src/graphql/schema.ts';

// What recognises or makes credentials has no field: no query can select it, whatever else is wrong.

const secretWords = /hash|secret|password|token|^key$/i;

/** Fields that return a new secret once, keys for caches, which hold ids only, and when a former secret ends. */
const allowed = [
  'CreatedApiKey.key',
  'CreatedWebhook.secret',
  'Environment.requireUserToken',
  'GeneratedUserToken.token',
  'Mutation.createPasswordLink',
  'Mutation.generateUserToken',
  'Mutation.rotateWebhookSecret',
  'Package.key',
  'PackageFeature.key',
  'Webhook.previousSecretUntil',
];

function fieldsOf(schema: GraphQLSchema): string[] {
  return Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .flatMap((type) => Object.keys(type.getFields()).map((field) => `${type.name}.${field}`));
}

describe.each([
  ['admin', schema, allowed],
  ['client', clientSchema, []],
])('the %s schema', (_name, each, expected) => {
  test('has no field that tells a secret, but for those that have just made one', () => {
    const found = fieldsOf(each).filter((field) => secretWords.test(field.split('.')[1] ?? ''));
    expect(found.sort()).toEqual([...expected].sort());
  });
});
