import type { Provisioned } from '../provisioning/provision.ts';
import { demoFeature, demoUser } from '../provisioning/rules.ts';

/** The text of the first start: the console's address, the new keys, and a first call. */
export function welcome(address: string, { madeKeys, hasDemo }: Provisioned): string {
  const keys = madeKeys.map(
    ({ environmentId, kind, key }) => `  ${environmentId} ${kind.toLowerCase().padEnd(7)}  ${key}`,
  );
  const testKey = madeKeys.find(({ environmentId, kind }) => environmentId === 'test' && kind === 'PRIVATE');
  return [
    '',
    `Console:  ${address}/`,
    `GraphiQL: ${address}/graphql`,
    '',
    ...(keys.length === 0 ? [] : ['Your API keys, shown only this once:', '', ...keys, '']),
    'A first call:',
    '',
    firstCall(address, testKey?.key ?? '$KANA_TEST_PRIVATE_KEY', hasDemo),
    '',
  ].join('\n');
}

function firstCall(address: string, key: string, hasDemo: boolean): string {
  const query = hasDemo
    ? `mutation { recordUsage(input: { userId: "${demoUser.id}", featureId: "${demoFeature}", delta: 1 }) { recorded entitlement { access consumption { used budget } } } }`
    : 'mutation { createUser(input: { id: "first-user", name: "First User" }) { id name } }';
  const headers = `-H "Authorization: ${key}" -H "Content-Type: application/json"`;
  return `curl -s ${address}/graphql ${headers} -d '${JSON.stringify({ query })}'`;
}
