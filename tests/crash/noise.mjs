/*
 * The noisy neighbour: does the most expensive work of one environment, all at once and without pause, until its input
 * ends. Then it writes, as JSON, how many calls of each kind were answered, and the codes of their errors. A process of
 * its own, so that its work does not delay the measurement.
 *
 * Arguments: the server's address and the private key.
 */
import { Agent, request } from 'node:http';

const [, , url, key] = process.argv;
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
const answers = {};
let isOver = false;

function post(query, variables) {
  const body = JSON.stringify({ query, variables });
  const headers = { authorization: key, 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/graphql`, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        // Enough to find an error; a file of 16 MiB is not kept.
        if (text.length < 100_000) text += chunk;
      });
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function repeat(kind, query, variables = {}) {
  const counts = {};
  answers[kind] ??= counts;
  while (!isOver) {
    const text = await post(query, variables).catch((error) => `"code":"${error.code ?? error.message}"`);
    const outcome = /"code":"(\w+)"/.exec(text)?.[1] ?? 'ok';
    answers[kind][outcome] = (answers[kind][outcome] ?? 0) + 1;
    if (kind === 'merge') return;
  }
}

const enforced = Array.from({ length: 1_000 }, () => ({
  userId: 'crowd-1',
  featureId: 'calls',
  delta: 1,
  enforce: true,
}));
/** 400 KB of YAML. */
const yaml = Array.from(
  { length: 2_600 },
  (_, index) =>
    `  - id: feature-${index}\n    name: "The feature with the number ${index}, in a long catalogue"\n    type: BINARY\n    metadata: { position: ${index}, notes: [one, two, three] }\n`,
).join('');

const work = [
  ...Array.from({ length: 40 }, () =>
    repeat(
      'enforce',
      'mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded error { code } } }',
      { input: enforced },
    ),
  ),
  // Refused: the file would be too long. The page is a file of 16 MB.
  ...Array.from({ length: 5 }, () => repeat('export', '{ exportUsers }')),
  repeat('page', '{ exportUsers(first: 1000) }'),
  ...Array.from({ length: 10 }, () =>
    repeat('series', '{ usageSeries(userId: "storied", featureId: "calls", bucket: HOUR) { used } }'),
  ),
  ...Array.from({ length: 4 }, () =>
    repeat('catalogue', 'query ($yaml: String!) { previewCatalogue(yaml: $yaml) { fingerprint } }', {
      yaml: `version: 1\nfeatures:\n${yaml}`,
    }),
  ),
  ...['first', 'second'].map((pair) =>
    repeat('merge', 'mutation ($ids: [String!]!) { mergeUsers(ids: $ids) { id } }', {
      ids: [`${pair}-of-two`, `${pair}-other`],
    }),
  ),
  repeat('delete', 'mutation { deleteUser(id: "nobody") { id } }'),
];

process.stdout.write('begun\n');
process.stdin.resume();
process.stdin.on('end', async () => {
  isOver = true;
  await Promise.all(work);
  process.stdout.write(`${JSON.stringify(answers)}\n`);
  process.exit();
});
