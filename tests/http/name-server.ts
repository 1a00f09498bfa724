import { createSocket } from 'node:dgram';
import { isIPv4 } from 'node:net';

/** A name server that says what a test wants: the addresses of a name, or null to never answer. */
export interface NameServer {
  /** As `address:port`. */
  address: string;
  /** The names that were asked for, once for each question. */
  asked: string[];
  close(): Promise<void>;
}

const [typeA, typeAaaa] = [1, 28];

/** The name and the type of the one question of a message, and where it ends. */
function questionOf(message: Buffer) {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.subarray(at + 1, at + 1 + length).toString());
    at += 1 + length;
  }
  return { name: labels.join('.'), type: message.readUInt16BE(at + 1), end: at + 5 };
}

const bytesOf = (address: string) =>
  isIPv4(address)
    ? Buffer.from(address.split('.').map(Number))
    : Buffer.concat([Buffer.alloc(15), Buffer.from([Number(address.replace('::', ''))])]);

export async function startNameServer(addressesOf: (name: string) => string[] | null): Promise<NameServer> {
  const asked: string[] = [];
  const socket = createSocket('udp4', (message, { port, address }) => {
    const { name, type, end } = questionOf(message);
    asked.push(name);
    const addresses = addressesOf(name);
    if (addresses === null) return;
    const wanted = addresses.filter((each) => (isIPv4(each) ? typeA : typeAaaa) === type).map(bytesOf);
    const header = Buffer.from([
      0,
      0,
      0x81,
      addresses.length === 0 ? 0x83 : 0x80,
      0,
      1,
      0,
      wanted.length,
      0,
      0,
      0,
      0,
    ]);
    message.copy(header, 0, 0, 2);
    const records = wanted.map((bytes) =>
      Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, bytes.length, ...bytes]),
    );
    socket.send(Buffer.concat([header, message.subarray(12, end), ...records]), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
