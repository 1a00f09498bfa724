// The load, in a process of its own: autocannon with one scenario; prints its result as JSON.
// argv: JSON { url, key, scenario, connections, seconds }
import { randomUUID } from 'node:crypto';
import autocannon from 'autocannon';
import { scenarios } from './scenarios.mjs';

const { url, key, scenario, connections, seconds } = JSON.parse(process.argv[2]);
const { body, path = '/graphql', prepared } = scenarios[scenario];
let wrong = 0;

const onResponse = (status, text) => {
  if (status !== 200 || text.includes('"errors"')) wrong += 1;
};

/** Written before the load begins where none needs to be new: writing them would take time from who is measured. */
const requests = prepared
  ? {
      setupClient: (client) =>
        client.setRequests(
          Array.from({ length: prepared }, () => ({ path, body: body(randomUUID), onResponse })),
        ),
    }
  : { requests: [{ path, setupRequest: (request) => ({ ...request, body: body(randomUUID) }), onResponse }] };

const result = await autocannon({
  url,
  connections,
  duration: seconds,
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: key },
  ...requests,
});
process.stdout.write(
  JSON.stringify({
    perSecond: result.requests.total / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    requests: result.requests.total,
    failures: result.errors + result.timeouts + wrong,
  }),
);
