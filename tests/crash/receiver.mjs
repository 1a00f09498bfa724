/*
 * A receiver of webhooks, in a process of its own, so that it can be killed. What it takes it first writes to a file, a
 * line each, as a careful receiver does; then it answers 204. A message on its input changes how it answers: `take`,
 * `refuse` (500) or `hang`. It says `ready` when it listens.
 *
 * Arguments: the port and the file.
 */
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [, , port, file] = process.argv;
let way = 'take';

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('error', () => undefined);
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    const now = way;
    const taken = now === 'take';
    appendFileSync(file, `${JSON.stringify({ id: request.headers['webhook-id'], body, taken })}\n`);
    if (now !== 'hang') response.writeHead(taken ? 204 : 500).end();
  });
});
process.stdin.setEncoding('utf8');
process.stdin.on('data', (text) => {
  way = text.trim().split('\n').at(-1);
});
process.stdin.on('end', () => process.exit());
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
