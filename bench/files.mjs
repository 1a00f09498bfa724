// `node bench/files.mjs`, after `npm run build`: which of our files one call passes, and the functions that ran there.
// The server runs in this process, so that the inspector's precise coverage sees it. What does not run at each of the
// calls is a timer, and does not count.
import { Session } from 'node:inspector/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { startDatabases } from './database.mjs';
import { scenarios } from './scenarios.mjs';

const warmUps = 50;
/** Timers run at some of the calls: at so many, none of them runs at each. */
const counted = 20;
const port = 4_719;
const ours = new URL('../dist/', import.meta.url).href;

const databases = await startDatabases();
try {
  Object.assign(process.env, {
    NODE_ENV: 'production',
    PORT: String(port),
    DATABASE_URL: await databases.copy('files'),
    KANA_DEMO: 'false',
    KANA_SECRET_KEY: 'the secret key of the benchmark server',
    LOG_LEVEL: 'silent',
  });
  await import('../dist/main.js');
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await print(session, 'recordUsage', scenarios.record);
  await print(session, 'a Segment track', scenarios.track);
} finally {
  await databases.stop();
}
process.exit();

async function print(session, name, { path = '/graphql', body }) {
  const call = async (id) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${databases.key}`, 'Content-Type': 'application/json' },
      body: body(`${name} ${id}`),
    });
    const text = await answer.text();
    if (!answer.ok || text.includes('"errors"')) throw new Error(`${name} answered ${text}`);
  };
  await untilListening(call);
  for (let id = 1; id <= warmUps; id += 1) await call(id);
  const runs = [];
  for (let id = 1; id <= counted; id += 1) {
    await pause(200);
    runs.push(await coverage(session, () => call(`counted ${id}`)));
  }
  const [first, ...others] = runs;
  const files = [...first.keys()].filter((file) => others.every((run) => run.has(file))).sort();
  console.log(`${name}: ${files.length} files`);
  for (const file of files) console.log(`  ${file}: ${first.get(file).join(', ')}`);
}

async function untilListening(call) {
  for (let left = 100; ; left -= 1) {
    try {
      return await call('first');
    } catch (error) {
      if (left === 0 || error.message !== 'fetch failed') throw error;
      await pause(100);
    }
  }
}

/** The functions that run meanwhile, by file. */
async function coverage(session, work) {
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  await session.post('Profiler.takePreciseCoverage');
  await work();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  await session.post('Profiler.stopPreciseCoverage');
  const files = new Map();
  for (const { url, functions } of result.filter(({ url }) => url.startsWith(ours))) {
    const names = functions
      .filter(({ ranges: [range] }) => range.count > 0)
      .map(({ functionName }) => functionName || '(anonymous)');
    if (names.length > 0) files.set(url.slice(ours.length).replace(/\.js$/, '.ts'), [...new Set(names)]);
  }
  return files;
}
