// The server of the app. The private key stays here: it checks, records and changes plans. Pages get a token of their user.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { KanaAdmin } from '@open-kana/sdk';

const { KANA_URL = 'http://127.0.0.1:4000', KANA_KEY = '', PORT = '5173' } = process.env;
if (!/^prv_\w+$/.test(KANA_KEY))
  fail('Set KANA_KEY to the private test key that the first start of Open Kana prints.');
const kana = new KanaAdmin({ apiKey: KANA_KEY, endpoint: `${KANA_URL}/graphql` });

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

/** Who is signed in. A real app has sessions. */
const userId = 'ada';

/** Returns the data of a call, or throws its error. */
async function needed(call) {
  const { data, error } = await call;
  if (error) throw error;
  return data;
}

/** What this app sells, in the format of catalogue files. */
const catalogue = `
features:
  - { id: postcards, name: Postcards, type: CONSUMABLE, unit_label: postcard, unit_label_plural: postcards }
  - { id: stamps, name: Golden stamps, type: BINARY }
packages:
  published:
    - id: postcards-free
      name: Free
      features: [{ id: postcards, limit: 3, reset_period: MONTH }]
    - id: postcards-pro
      name: Pro
      features: [{ id: postcards, limit: 100, reset_period: MONTH }, { id: stamps }]
      prices: [{ id: price_pro, provider: STRIPE, amount: 900, currency: eur, interval: month }]
`;

async function prepare() {
  const publish = 'mutation ($yaml: String!) { publishCatalogue(yaml: $yaml, partly: true) { yaml } }';
  await needed(kana.request(publish, { yaml: catalogue }));
  const { error } = await kana.users.create({ id: userId, name: 'Ada' });
  if (error && error.name !== 'UserAlreadyExistsError') throw error;
  if (!error) await needed(kana.subscriptions.create({ userId, packageIds: ['postcards-free'] }));
}

const actions = {
  'POST /api/token': () => needed(kana.users.generateToken({ userId })),
  async 'POST /api/send'() {
    const usage = { userId, featureId: 'postcards', delta: 1, enforce: true };
    const { recorded } = await needed(kana.features.recordUsage(usage));
    if (!recorded) throw new Error('You have no postcards left.');
    return {};
  },
  'POST /api/choose/postcards-free': () => choose('postcards-free'),
  'POST /api/choose/postcards-pro': () => choose('postcards-pro'),
};

/** A real app asks for money first: `generateSubscriptionLink` makes a payment page. */
async function choose(packageId) {
  const change = `mutation ($userId: String!, $packageId: String!) {
    changePackage(userId: $userId, packageId: $packageId, usage: CARRY) { subscription { id } }
  }`;
  await needed(kana.request(change, { userId, packageId }));
  return {};
}

/** Pages read through this server, so that they need no other origin. */
async function readClientApi(request, response) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const { authorization = '' } = request.headers;
  const answer = await fetch(`${KANA_URL}/client/graphql`, {
    method: 'POST',
    headers: { Authorization: authorization, 'Content-Type': 'application/json' },
    body: Buffer.concat(parts),
  });
  send(response, answer.status, await answer.text(), 'application/json');
}

const types = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css' };

async function sendFile(path, response) {
  const name = path === '/' ? 'index.html' : /^\/assets\/[\w.-]+$/.test(path) ? path.slice(1) : null;
  const file = name && (await readFile(new URL(`dist/${name}`, import.meta.url)).catch(() => null));
  if (file) send(response, 200, file, types[name.split('.').at(-1)]);
  else send(response, 404, 'Not found.', 'text/plain');
}

function send(response, status, body, type) {
  response.writeHead(status, { 'Content-Type': type }).end(body);
}

const server = createServer(async (request, response) => {
  const { method, url = '/' } = request;
  try {
    const action = actions[`${method} ${url}`];
    if (action) send(response, 200, JSON.stringify(await action()), 'application/json');
    else if (url === '/client/graphql') await readClientApi(request, response);
    else await sendFile(url, response);
  } catch (error) {
    console.error(error);
    send(response, 500, JSON.stringify({ problem: error.message }), 'application/json');
  }
});

await prepare().catch((error) => fail(error.message));
server.on('error', (error) => fail(error.message));
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Open http://127.0.0.1:${server.address().port}`);
});
