// Receivers of webhooks, in a process of its own. argv: JSON, the kinds of the endpoints: good, hanging or failing.
// Each endpoint has a port. Tells them by a message; asked with { read: true }, tells what has arrived since.
import { createServer } from 'node:http';

const endpoints = JSON.parse(process.argv[2]).map((kind) => ({ kind, latencies: [] }));

/** What an endpoint of each kind answers. */
const answers = {
  good: (response) => response.writeHead(204).end(),
  failing: (response) => response.writeHead(500).end(),
  hanging: () => {},
};

function serve(endpoint) {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      endpoint.latencies.push(Date.now() - Date.parse(JSON.parse(body).timestamp));
      answers[endpoint.kind](response);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

process.on('message', ({ read }) => {
  if (!read) process.exit();
  process.send({ latencies: endpoints.map(({ latencies }) => latencies.splice(0)) });
});
process.on('disconnect', () => process.exit());
process.send({ ports: await Promise.all(endpoints.map(serve)) });
