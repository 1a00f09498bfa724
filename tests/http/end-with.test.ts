import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from '@jest/globals';
import { endWith } from '../../src/http/response.ts';

const body = '{"name":"Zoë, 你好"}';

let stop = () => {};
afterEach(() => stop());

/** Sends requests on one connection, and returns all answers. The server closes it after the last one. */
async function ask(sent: string, listener: RequestListener, onSocket: (socket: Socket) => void = () => {}) {
  const server = createServer(listener).on('connection', onSocket).listen(0, '127.0.0.1');
  stop = () => void server.close();
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write(sent);
  return text(client);
}

const requestOf = (method: string, path: string, connection = 'keep-alive') =>
  `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\n\r\n`;

const answer: RequestListener = (_request, response) => {
  response.writeHead(200, { 'Content-Length': Buffer.byteLength(body) });
  endWith(response, body);
};

test('head and body are handed to the operating system as one piece', async () => {
  let lists = 0;
  const answers = await ask(requestOf('GET', '/', 'close'), answer, (socket) => {
    const writeList = socket._writev;
    socket._writev = (...given) => {
      lists += 1;
      writeList?.apply(socket, given);
    };
  });
  expect(answers.endsWith(`\r\n\r\n${body}`)).toBe(true);
  expect(lists).toBe(0);
});

test('an answer to HEAD has no body', async () => {
  const answers = await ask(requestOf('HEAD', '/', 'close'), answer);
  expect(answers).toMatch(/Content-Length: \d+\r\n(?:.+\r\n)*\r\n$/);
});

test('answers to requests that were sent at once come in their order, whichever ends first', async () => {
  const delaysMs: Record<string, number> = { '/1': 40, '/2': 0, '/3': 20 };
  const sent = [requestOf('GET', '/1'), requestOf('GET', '/2'), requestOf('GET', '/3', 'close')].join('');
  const answers = await ask(sent, ({ url = '' }, response) => {
    setTimeout(() => {
      response.writeHead(200, { 'Content-Length': Buffer.byteLength(url) });
      endWith(response, url);
    }, delaysMs[url]);
  });
  expect(answers.match(/\r\n\r\n\/\d/g)?.map((each) => each.trim())).toEqual(['/1', '/2', '/3']);
});
