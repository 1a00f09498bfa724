import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { holdsInexact, InexactNumber, parseExactJson } from '../src/exact-json.ts';
import { startTestApp, type TestApp } from './helpers/app.ts';

describe('JSON', () => {
  it.each([
    '[0, -0, 1.50, 1e3, 1E+2, 0.1, 9007199254740991, 123456789012345680000, 1.7976931348623157e308, 5e-324]',
    '{"12345678901234567890": "12345678901234567890, 1e400", "a": "\\" 1e400 \\\\"}',
    '{"__proto__": {"a": 1e1}}',
  ])('is read as JavaScript does: %s', (text) => {
    expect(parseExactJson(text)).toEqual(JSON.parse(text));
    expect(holdsInexact(parseExactJson(text))).toBe(false);
  });

  it.each(['12345678901234567890', '1e400', '-1E400', '1e-400', '0.1234567890123456789', '9007199254740993'])(
    'tells that it does not hold %s',
    (number) => {
      const value = parseExactJson(`{"a": ["\\"", {"b":${number}, "c": 1}]}`) as {
        a: [string, { b: unknown }];
      };
      expect(value.a[1].b).toBeInstanceOf(InexactNumber);
      expect(JSON.stringify(value)).toBe(
        JSON.stringify(JSON.parse(`{"a": ["\\"", {"b":${number}, "c": 1}]}`)),
      );
    },
  );

  it('is refused as before', () => {
    expect(() => parseExactJson('{"a": 12345678901234567890,}')).toThrow(SyntaxError);
  });
});

describe('metadata', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp();
  });
  afterAll(() => app.close());

  const refused = 'input.metadata: must hold only numbers that JSON holds exactly: send others as text';
  const post = (body: string) =>
    app.http.post('/graphql').set('Authorization', app.keys.test).type('json').send(body);
  const mutation = 'mutation ($input: CreateUserInput!) { createUser(input: $input) { metadata } }';

  it.each(['12345678901234567890', '1e400', '[1, {"deep": 1e400}]'])('with %s is refused', async (value) => {
    const variables = `{"input": {"id": "u", "metadata": {"a": ${value}}}}`;
    const literal = `mutation { createUser(input: { id: "u", metadata: { a: ${value.replace('"deep"', 'deep')} } }) { id } }`;
    for (const body of [
      `{"query": ${JSON.stringify(mutation)}, "variables": ${variables}}`,
      `{"query": ${JSON.stringify(mutation)}, "variables": ${JSON.stringify(variables)}}`,
      JSON.stringify({ query: literal }),
    ])
      expect((await post(body)).body.errors).toMatchObject([{ message: refused }]);
  });

  it('keeps every number that it holds', async () => {
    const body = `{"query": ${JSON.stringify(mutation)}, "variables": {"input": {"id": "n", "metadata": {"a": [1.50, 1e21, 0.1, 9007199254740991]}}}}`;
    expect((await post(body)).body.data.createUser.metadata).toEqual({
      a: [1.5, 1e21, 0.1, 9007199254740991],
    });
  });
});
