// Receivers of webhooks, in a process of its own. argv: JSON, the kinds of the endpoints: good, hanging or failing.
// Each endpoint has a port. Tells them by a message; asked with { read: true }, tells what has arrived since. Messages
// whose packageId is not the one that { expect } named last are of an earlier burst, and are not told.
import { createServer } from 'node:http';

const endpoints = JSON.parse(process.argv[2]).map((kind) => ({
  kind,
  arrivals: [],
  seen: new Set(),
  repeats: 0,
}));
let expected = '';

/** What an endpoint of each kind answers. */
const answers = {
  good: (response) => response.writeHead(204).end(),
  failing: (response) => response.writeHead(500).end(),
  hanging: () => {},
};

function note(endpoint, id, { timestamp, data }) {
  if (data.packageId !== expected) return;
  if (endpoint.seen.has(id)) {
    endpoint.repeats += 1;
    return;
  }
  endpoint.seen.add(id);
  const at = Date.now();
  endpoint.arrivals.push({ at, age: at - Date.parse(timestamp) });
}

function serve(endpoint) {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      note(endpoint, request.headers['webhook-id'], JSON.parse(body));
      answers[endpoint.kind](response);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

process.on('message', ({ read, expect }) => {
  if (expect !== undefined) {
    expected = expect;
    for (const endpoint of endpoints) Object.assign(endpoint, { arrivals: [], seen: new Set(), repeats: 0 });
    return;
  }
  if (!read) process.exit();
  process.send({
    arrivals: endpoints.map(({ arrivals }) => arrivals.splice(0)),
    repeats: endpoints.map(({ repeats }) => repeats),
  });
});
process.on('disconnect', () => process.exit());
process.send({ ports: await Promise.all(endpoints.map(serve)) });
