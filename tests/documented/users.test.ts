import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { forgetEverything, send, testUser, ways } from './examples.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(() => forgetEverything(app));
afterAll(() => app.close());

const newUser = { ...testUser, billingId: 'cus_883y74hdjjdjdnd' };

describe.each(ways)('$name', (way) => {
  const install = (user: typeof testUser) =>
    app.database.prisma.user.create({ data: { ...user, environmentId: way.environment } });

  test('user answers one user', async () => {
    await install(testUser);
    const query = `query retrieveUser($id: String!) {
  user(id: $id) {
    id
    billingId
    name
    email
    metadata
  }
}`;
    expect(await send(app, way, query, { id: '124' })).toEqual({ data: { user: testUser } });
  });

  test('users lists all users', async () => {
    await install(testUser);
    const query = `query listUsers {
  users {
    id
    billingId
    name
    email
    metadata
  }
}`;
    expect(await send(app, way, query)).toEqual({ data: { users: [testUser] } });
  });

  test('users takes the id that one documented operation sends', async () => {
    await install(testUser);
    const query = 'query ($id: String!) { users(id: $id) { id } }';
    expect(await send(app, way, query, { id: '124' })).toEqual({ data: { users: [{ id: '124' }] } });
  });

  test('createUser echoes its input', async () => {
    const query = `mutation createUser($input: CreateUserInput!) {
  createUser(input: $input) {
    id
    billingId
    name
    email
    metadata
  }
}`;
    expect(await send(app, way, query, { input: newUser })).toEqual({ data: { createUser: newUser } });
  });

  test('createUser of the quick start needs neither billing id nor metadata', async () => {
    const query = `mutation createUser($input: CreateUserInput!) {
  createUser(input: $input) {
    id
    name
    email
  }
}`;
    const input = { id: 'test', name: 'Test User', email: 'test@company.com' };
    expect(await send(app, way, query, { input })).toEqual({ data: { createUser: input } });
  });

  // The documented answer stands under the key createUser, copied from the example before.
  test('updateUser renames', async () => {
    await install(newUser);
    const query = `mutation updateUser($id: String!, $input: UpdateUserInput!) {
  updateUser(id: $id, input: $input) {
    id
    billingId
    name
    email
    metadata
  }
}`;
    const input = { id: '125', name: 'Updated User', metadata: {} };
    expect(await send(app, way, query, { id: '124', input })).toEqual({
      data: { updateUser: { ...newUser, ...input } },
    });
  });
});
