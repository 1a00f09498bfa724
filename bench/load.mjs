// The load, in a process of its own: autocannon with one scenario; prints its result as JSON.
// argv: JSON { url, key, scenario, connections, seconds, seed }
import { randomUUID } from 'node:crypto';
import autocannon from 'autocannon';
import { scenarios } from './scenarios.mjs';

const { url, key, scenario, connections, seconds } = JSON.parse(process.argv[2]);
const { body } = scenarios[scenario];
let answersWithErrors = 0;

const instance = autocannon({
  url,
  connections,
  duration: seconds,
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: key },
  requests: [{ setupRequest: (request) => ({ ...request, body: body(randomUUID) }) }],
});
instance.on('response', (client, status) => {
  if (status !== 200) answersWithErrors += 1;
});
instance.on('response', () => undefined);
const result = await instance;
process.stdout.write(
  JSON.stringify({
    perSecond: result.requests.total / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    requests: result.requests.total,
    failures: result.errors + result.timeouts + result.non2xx,
  }),
);
