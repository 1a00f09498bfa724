import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature } from '../helpers/factories.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'api-calls' });
});
afterAll(() => app.close());

const bundle = () =>
  build({
    entryPoints: ['packages/sdk/src/index.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    metafile: true,
    write: false,
  });

test('the SDK is made of its own files alone, and stays small', async () => {
  const { metafile, outputFiles } = await bundle();
  const foreign = Object.keys(metafile.inputs).filter((file) => !file.startsWith('packages/sdk/src/'));
  expect(foreign).toEqual([]);
  expect(outputFiles[0]?.contents.byteLength).toBeLessThan(22 * 1024);
});

test('the minified bundle works, and its errors keep their names', async () => {
  const { outputFiles } = await bundle();
  const { KanaAdmin } = await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0]?.contents ?? '').toString('base64')}`
  );
  const kana = new KanaAdmin({ apiKey: app.keys.test, endpoint: `${app.url}/graphql` });
  expect((await kana.features.retrieve({ id: 'api-calls' })).data.id).toBe('api-calls');
  expect((await kana.users.retrieve({ id: 'nobody' })).error.name).toBe('UserNotFoundError');
  expect((await kana.users.create({ id: 'x'.repeat(256) })).error.name).toBe('ValidationError');
});
