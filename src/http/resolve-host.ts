import { type LookupAddress, lookup as lookupBySystem } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { isPublicName } from '../webhooks/address-rules.ts';

/*
 * The names of receivers are asked from the name servers directly. The function of the system blocks a thread for each name,
 * and Node gives it two: a few names whose servers never answer would hold up all other names of this process for minutes,
 * also that of the database. Only names that no attacker has are left to the system: those of this network.
 */
const usual = { timeoutMs: 2_000, tries: 2, longestMs: 5_000 };

interface Options {
  /** Whether names that only this network knows are resolved too. */
  allowLocal: boolean;
  /** Name servers as `address:port`; those of the system unless given. */
  servers?: readonly string[] | undefined;
}

/**
 * All addresses of a host.
 *
 * @throws an error with the code ENOTFOUND if there are none, and EAI_AGAIN if nobody could say it in time
 */
export async function resolveHost(
  hostname: string,
  { allowLocal, servers }: Options,
): Promise<LookupAddress[]> {
  const listed = await findInHostsFile(hostname);
  if (listed.length > 0) return listed;
  if (allowLocal && !isPublicName(hostname)) return askSystem(hostname);
  const resolver = new Resolver({ timeout: usual.timeoutMs, tries: usual.tries });
  if (servers !== undefined) resolver.setServers(servers);
  const cancel = setTimeout(() => resolver.cancel(), usual.longestMs);
  const answers = await Promise.allSettled([resolver.resolve6(hostname), resolver.resolve4(hostname)]);
  clearTimeout(cancel);
  // IPv6 is first: Node gives up each address but the last one after a moment, and IPv4 is what works everywhere.
  const addresses = answers.flatMap((answer, index) =>
    answer.status === 'fulfilled'
      ? answer.value.map((address) => ({ address, family: index === 0 ? 6 : 4 }))
      : [],
  );
  if (addresses.length > 0) return addresses;
  const codes = answers.map((answer) => (answer.status === 'rejected' ? String(answer.reason.code) : ''));
  const isUnknown = codes.every((code) => code === 'ENOTFOUND' || code === 'ENODATA');
  // Where no name server listens, the system has another way to know names.
  if (codes.includes('ECONNREFUSED') || (allowLocal && isUnknown)) return askSystem(hostname);
  throw Object.assign(new Error('the host was not resolved'), {
    code: isUnknown ? 'ENOTFOUND' : 'EAI_AGAIN',
  });
}

const askSystem = (hostname: string) =>
  new Promise<LookupAddress[]>((resolve, reject) =>
    lookupBySystem(hostname, { all: true }, (error, addresses) =>
      error === null ? resolve(addresses) : reject(error),
    ),
  );

/** As for the system, what stands in the hosts file counts before what name servers say. */
async function findInHostsFile(hostname: string): Promise<LookupAddress[]> {
  const text = await readFile('/etc/hosts', 'utf8').catch(() => '');
  return hostsOf(text, hostname);
}

/** The addresses of a name in the text of a hosts file. */
export function hostsOf(text: string, hostname: string): LookupAddress[] {
  const name = hostname.toLowerCase().replace(/\.$/, '');
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').toLowerCase().trim().split(/\s+/);
    return isIP(address) > 0 && names.includes(name) ? [{ address, family: isIP(address) }] : [];
  });
}
