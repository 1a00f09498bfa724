// Prisma's schema engine as WebAssembly, from the npm registry: `prisma migrate` would download a native one.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

const require = createRequire(import.meta.url);

// What the engine calls when it gives up.
globalThis.PRISMA_WASM_PANIC_REGISTRY = {
  set_message(message) {
    throw new Error(message);
  },
};

// The engine's memory is one for the whole process.
let loaded;

/**
 * The statements that lead from the tables of a live database to a schema file; an empty string if it has
 * them already.
 */
export async function missingStatements(url, schemaFile) {
  const files = [{ path: schemaFile, content: readFileSync(schemaFile, 'utf8') }];
  const pool = new pg.Pool({ connectionString: url });
  try {
    const engine = await openEngine(files, pool);
    const { stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: '' },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      shadowDatabaseUrl: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    return stdout.startsWith('-- This is an empty migration.') ? '' : await withoutSameIndexes(pool, stdout);
  } finally {
    await pool.end();
  }
}

/**
 * An index with a condition is reported as changed when PostgreSQL writes that condition in other words. Such
 * a pair of statements is left out if PostgreSQL says that the new index would be what the old one is.
 */
async function withoutSameIndexes(pool, script) {
  let steps = script.split(/\n(?=-- )/);
  for (const drop of steps) {
    const index = /^DROP INDEX ("[^"]+");/m.exec(drop)?.[1];
    const create = steps.find((step) => /^CREATE (?:UNIQUE )?INDEX ("[^"]+")/m.exec(step)?.[1] === index);
    if (index && create && (await isSameIndex(pool, index, drop, create)))
      steps = steps.filter((step) => step !== drop && step !== create);
  }
  return steps.join('\n');
}

async function isSameIndex(pool, index, drop, create) {
  const client = await pool.connect();
  const definition = async () =>
    (await client.query('select pg_get_indexdef($1::regclass) as text', [index])).rows[0].text;
  try {
    await client.query('begin');
    const before = await definition();
    await client.query(drop);
    await client.query(create);
    return before === (await definition());
  } catch {
    return false; // It needs what the other statements bring.
  } finally {
    await client.query('rollback');
    client.release();
  }
}

async function openEngine(files, pool) {
  loaded ??= load();
  await loaded;
  // The adapter's own dependency, so always of its version.
  const utils = createRequire(require.resolve('@prisma/adapter-pg')).resolve('@prisma/driver-adapter-utils');
  const { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } = await import(utils);
  const adapter = bindMigrationAwareSqlAdapterFactory(catalogueAdapter(pool, ColumnTypeEnum));
  const datamodels = files.map(({ path, content }) => [path, content]);
  return bindings.SchemaEngine.new({ datamodels }, () => {}, adapter);
}

async function load() {
  const wasm = require.resolve('@prisma/schema-engine-wasm').replace(/\.js$/, '_bg.wasm');
  const imports = { './schema_engine_bg.js': bindings };
  const { instance } = await WebAssembly.instantiate(readFileSync(wasm), imports);
  bindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
}

/**
 * PostgreSQL's catalogue has columns of the type `"char"` (18), which the adapter refuses and the engine wants
 * as characters: they pass the adapter as text (25), and are given their type behind it, by their names.
 */
function catalogueAdapter(pool, { Character }) {
  const characters = new Set();
  const query = pool.query.bind(pool);
  pool.query = async (...words) => {
    const result = await query(...words);
    for (const field of result.fields?.filter(({ dataTypeID }) => dataTypeID === 18) ?? []) {
      characters.add(field.name);
      field.dataTypeID = 25;
    }
    return result;
  };

  const factory = new PrismaPg(pool);
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (statement) => {
      const answer = await queryRaw(statement);
      const typeOf = (name, type) => (characters.has(name) ? Character : type);
      return {
        ...answer,
        columnTypes: answer.columnTypes.map((type, at) => typeOf(answer.columnNames[at], type)),
      };
    };
    return adapter;
  };
  return factory;
}
