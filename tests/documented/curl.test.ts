import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { testUser } from './examples.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await app.database.prisma.user.create({ data: { ...testUser, environmentId: 'test' } });
});
afterAll(() => app.close());

/** The body of a documented cURL call, byte by byte; `variables` is a string, with its odd spaces. */
const body = String.raw`{
    "query": "query retrieveUser($id: String!) { user(id: $id) { id billingId name email metadata } }",
    "variables": "{ \"id\": \"124\"}"
}`;

test.each([
  ['application/json', 'as the quick start says'],
  ['application/x-www-form-urlencoded', 'as cURL says where the older examples leave it out'],
])('a documented call is answered with the content type %s, %s', async (type) => {
  const answer = await app.http
    .post('/graphql')
    .set('Authorization', app.keys.test)
    .set('Content-Type', type)
    .set('Accept', '*/*')
    .send(body);
  expect([answer.status, answer.body]).toEqual([200, { data: { user: testUser } }]);
});

// Two documented bodies are no valid JSON: the quotes in their variables are not escaped.
test('a documented body that is broken is told so', async () => {
  const broken = String.raw`{"query": "mutation { x }", "variables": "{ \"id\": "pro-plan" }"}`;
  const answer = await app.http
    .post('/graphql')
    .set('Authorization', app.keys.test)
    .set('Content-Type', 'application/json')
    .send(broken);
  expect([answer.status, answer.body.errors[0].extensions.code]).toEqual([400, 'BAD_REQUEST']);
});
