// The floor: node:http alone. It reads the body as JSON and answers a constant one, as long as ours, with our headers.
import { createServer } from 'node:http';

const answer = JSON.stringify({ data: { recordUsage: { recorded: true, reason: null } } });
const headers = {
  'Content-Type': 'application/json; charset=utf-8',
  'Content-Length': Buffer.byteLength(answer),
};

createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    JSON.parse(Buffer.concat(chunks).toString());
    response.writeHead(200, headers);
    response.end(answer);
  });
}).listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
