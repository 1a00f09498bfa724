import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { invalidInput } from '../helpers/errors.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await app.database.hot.query(
    `insert into feature (environment_id, id, name, type, updated_at)
     select 'test', 'f' || i, 'a feature', 'BINARY', now() from generate_series(1, 320) i`,
  );
  await app.database.hot.query(
    `insert into package (environment_id, id, name, updated_at)
     select 'test', 'p' || i, 'a package', now() from generate_series(1, 320) i`,
  );
  await app.database.hot.query(
    `insert into package_feature (environment_id, package_id, feature_id, position, name)
     select 'test', package.id, feature.id, 0, 'a feature' from package, feature`,
  );
});
afterAll(() => app.close());

const problem =
  'catalogue: is too large for a file: features, packages and their content have more than 100000 rows';

it('a catalogue that is too large for a file is not told as one, nor compared with one', async () => {
  expect(await app.fails('{ catalogue }')).toMatchObject(invalidInput(problem));
  const preview = '{ previewCatalogue(yaml: "features: []") { fingerprint } }';
  expect(await app.fails(preview)).toMatchObject(invalidInput(problem));
  expect((await app.ok('{ catalogue }', {}, app.keys.live)).catalogue).toContain('features:');
});

it('the command is told so too', async () => {
  const { status, body } = await app.http.get('/cli/pull').set('Authorization', app.keys.test);
  expect(status).toBe(400);
  expect(body).toEqual({
    errors: [invalidInput(problem)],
    data: [`[ERROR] ${problem}`],
  });
});
