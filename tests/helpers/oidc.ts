import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

/** What the provider says of a person. */
export interface Claims {
  email?: string;
  email_verified?: boolean;
  name?: string;
}

/** A real OpenID Connect provider, whose people sign in by their id alone. */
export async function startProvider(people: Record<string, Claims>) {
  let handle: (...given: Parameters<ReturnType<Provider['callback']>>) => unknown = () => undefined;
  const server = createServer((request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer: new URL(issuer),
    clientId: 'open-kana',
    clientSecret: 'a secret of the provider',
    /** From now on, sign-ins that begin at this server are answered. */
    serve(url: string) {
      const provider = new Provider(issuer, {
        clients: [
          {
            client_id: 'open-kana',
            client_secret: 'a secret of the provider',
            redirect_uris: [`${url}/console/oidc/callback`],
          },
        ],
        claims: { email: ['email', 'email_verified'], profile: ['name'] },
        cookies: { keys: ['a key of the cookies of the provider'] },
        findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
      });
      handle = provider.callback();
    },
    stop: () => new Promise<void>((resolve) => server.close(() => resolve()) && server.closeAllConnections()),
  };
}

/** A browser without pages: keeps cookies, and signs in at the provider as somebody. */
export class Walker {
  readonly cookies = new Map<string, string>();
  private readonly login: string;

  constructor(login: string) {
    this.login = login;
  }

  /** Goes to an address, and on to where it leads; stops at the first address that `isEnd` accepts, before going there. */
  async go(start: string, isEnd: (url: URL) => boolean): Promise<URL> {
    let next: Step = { url: new URL(start), body: null };
    for (let step = 0; step < 20; step += 1) {
      next = await this.follow(next);
      if (isEnd(next.url)) return next.url;
    }
    throw new Error('the way has no end');
  }

  private async follow({ url, body }: Step): Promise<Step> {
    const headers = { Cookie: [...this.cookies].map((pair) => pair.join('=')).join('; ') };
    const sent = body === null ? { method: 'GET' } : { method: 'POST', body };
    const response = await fetch(url, { redirect: 'manual', headers, ...sent });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      this.cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location !== null) return { url: new URL(location, url), body: null };
    const text = await response.text();
    const prompt = /name="prompt" value="(\w+)"/.exec(text)?.[1];
    if (prompt === undefined) throw new Error(`${url} answered ${response.status} ${text}`);
    return { url, body: new URLSearchParams({ prompt, login: this.login, password: 'x' }) };
  }
}

interface Step {
  url: URL;
  /** A form that is filled in; null only looks. */
  body: URLSearchParams | null;
}
