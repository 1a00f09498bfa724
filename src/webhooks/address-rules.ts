import { BlockList, isIPv4, isIPv6 } from 'node:net';

/*
 * Addresses that no webhook may reach: those of this machine, of private networks, of the link (among them the metadata
 * services of clouds), and those without one host behind them. From IANA's registries of special-purpose addresses.
 */
const refused4: [network: string, prefix: number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32], // Azure's metadata, at a public address.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];
/** Within global unicast: Teredo and other protocols, documentation, and 6to4, which holds an IPv4 address. */
const refused6: [network: string, prefix: number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const refused = new BlockList();
for (const [network, prefix] of refused4) refused.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of refused6) refused.addSubnet(network, prefix, 'ipv6');

const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** Whether an IP address belongs to a host on the internet. An IPv4 address written as IPv6 is refused. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !refused.check(address, 'ipv4');
  if (!isIPv6(address) || address.includes('%')) return false;
  return globalUnicast.check(address, 'ipv6') && !refused.check(address, 'ipv6');
}

/**
 * Names that never lead to the internet: RFC 6761, 6762 and 8375, and what ICANN keeps for private use, which the metadata
 * services of clouds have.
 */
const localDomains = /(^|\.)(localhost|local|internal|home\.arpa)$/;

/** Whether a name may belong to a host on the internet. Where it leads is checked when it is used. */
export function isPublicName(host: string): boolean {
  const name = host.toLowerCase().replace(/\.+$/, '');
  return name.includes('.') && !localDomains.test(name);
}
