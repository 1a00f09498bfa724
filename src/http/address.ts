import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { isSecure } from '../auth/sessions/rules.ts';
import { networkOf } from './slots.ts';

const ownNetworks = new BlockList();
ownNetworks.addSubnet('127.0.0.0', 8);
ownNetworks.addSubnet('10.0.0.0', 8);
ownNetworks.addSubnet('172.16.0.0', 12);
ownNetworks.addSubnet('192.168.0.0', 16);
ownNetworks.addAddress('::1', 'ipv6');
ownNetworks.addSubnet('fc00::', 7, 'ipv6');

function isOwn(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && ownNetworks.check(address, version === 6 ? 'ipv6' : 'ipv4');
}

/**
 * The network that a request comes from. A proxy in front is on this machine or in a private network, and adds the
 * address that it saw as the last one of X-Forwarded-For. From elsewhere that header is not believed.
 */
export function networkOfClient({ socket, headers }: IncomingMessage): string {
  const direct = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  const forwarded =
    String(headers['x-forwarded-for'] ?? '')
      .split(',')
      .at(-1)
      ?.trim() ?? '';
  return networkOf(isOwn(direct) && isIP(forwarded) !== 0 ? forwarded : direct);
}

/** The address that the client called, as it or the proxy tells. */
export function originOf({ headers }: IncomingMessage): string {
  const [forwarded = ''] = String(headers['x-forwarded-host'] ?? '').split(',', 1);
  const host = forwarded.trim() || headers.host || 'localhost';
  return `${isSecure(headers) ? 'https' : 'http'}://${host}`;
}
