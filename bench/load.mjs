// The load, in a process of its own: autocannon with one scenario; prints its result as JSON.
// argv: JSON { url, key, scenario, connections, seconds }
import { randomUUID } from 'node:crypto';
import autocannon from 'autocannon';
import { scenarios } from './scenarios.mjs';

const { url, key, scenario, connections, seconds } = JSON.parse(process.argv[2]);
const { body, path = '/graphql' } = scenarios[scenario];
let wrong = 0;

const running = autocannon({
  url,
  connections,
  duration: seconds,
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: key },
  requests: [
    {
      path,
      setupRequest: (request) => ({ ...request, body: body(randomUUID) }),
      onResponse: (status, text) => {
        if (status !== 200 || text.includes('"errors"')) wrong += 1;
      },
    },
  ],
});
const result = await running;
process.stdout.write(
  JSON.stringify({
    perSecond: result.requests.total / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    requests: result.requests.total,
    failures: result.errors + result.timeouts + wrong,
  }),
);
