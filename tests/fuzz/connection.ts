import { connect } from 'node:net';

/** After this time without an answer the server waits for more, which does not come; in milliseconds. */
const usual = 200;

/**
 * Writes bytes as they are to the server, and answers the status of the first response; null if the connection
 * was closed without one, or the server waits for more.
 */
export function sendBytes(url: string, bytes: Buffer, patience = usual): Promise<number | null> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setEncoding('latin1').setTimeout(patience, () => socket.destroy());
    socket.on('data', (text) => {
      received += text;
      if (/^HTTP\/1\.1 \d{3} .*\r\n/.test(received)) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(received) ?? [];
      resolve(status === undefined ? null : Number(status));
    });
  });
}
