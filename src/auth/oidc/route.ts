import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { PrismaClient } from '../../database/generated/client.ts';
import { forStrangers } from '../../http/admission.ts';
import type { Gate } from '../../http/gate.ts';
import type { Route } from '../../http/router.ts';
import { idsOf } from '../console-route.ts';
import { readEnvironmentId } from '../keys/rules.ts';
import { type Encryption, WrongSecretKey } from '../secrets/encryption.ts';
import { isSecure } from '../sessions/rules.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Provider } from './provider.ts';
import { Flow, flowCookie, flowSeconds, readClaims } from './rules.ts';
import { signInPerson } from './sign-in.ts';

interface OidcDependencies {
  db: PrismaClient;
  provider: Provider;
  sessions: Sessions;
  encryption: Encryption;
  basePath: string;
  log: Logger;
}

/** Where the flow is decrypted: nothing else that is encrypted can be taken for one. */
const location = 'oidc flow';

/**
 * Signing in by OpenID Connect: the first path leads to the provider, the second one back. What belongs to a sign-in is
 * in a cookie of the browser that began it, encrypted.
 */
export function createOidcRoutes(
  { db, provider, sessions, encryption, basePath, log }: OidcDependencies,
  { signIns }: Gate,
): Record<string, Route> {
  const callback = `${basePath}/console/oidc/callback`;
  const cookieOf = (request: IncomingMessage, value: string) => {
    const parts = [`${flowCookie}=${value}`, `Path=${callback}`, `Max-Age=${value === '' ? 0 : flowSeconds}`];
    return [...parts, 'HttpOnly', 'SameSite=Lax', ...(isSecure(request.headers) ? ['Secure'] : [])].join(
      '; ',
    );
  };

  /** Null if this browser has begun none, or it took too long. */
  function readFlow({ headers }: IncomingMessage): Flow | null {
    const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
    const stored = pairs.find((pair) => pair.startsWith(`${flowCookie}=`))?.slice(flowCookie.length + 1);
    if (!stored) return null;
    try {
      const { data } = Flow.safeParse(JSON.parse(encryption.decrypt(stored, location)));
      return data !== undefined && data.until > Date.now() ? data : null;
    } catch (error) {
      if (error instanceof WrongSecretKey) return null;
      throw error;
    }
  }

  return {
    '/console/oidc': {
      GET: forStrangers(signIns, async (request, response, _body, context) => {
        const asked = new URL(request.url ?? '', 'http://localhost').searchParams.get('environment');
        const environment = readEnvironmentId(asked ?? undefined) ?? 'test';
        const headers = { 'Cache-Control': 'no-store' };
        try {
          const { url, ...kept } = await provider.begin(`${context.origin()}${callback}`);
          const flow: Flow = { ...kept, environment, until: Date.now() + flowSeconds * 1_000 };
          const cookie = cookieOf(request, encryption.encrypt(JSON.stringify(flow), location));
          response.writeHead(302, { ...headers, Location: url.href, 'Set-Cookie': cookie }).end();
        } catch (error) {
          log.warn({ err: error }, 'the OpenID Connect provider cannot be reached');
          response.writeHead(302, { ...headers, Location: `${basePath}/${environment}?oidc=failed` }).end();
        }
      }),
    },
    '/console/oidc/callback': {
      GET: forStrangers(signIns, async (request, response, _body, context) => {
        const flow = readFlow(request);
        const outcome = flow === null ? 'failed' : await finish(request, flow);
        const environment = flow?.environment ?? 'test';
        const cookies = [cookieOf(request, '')];
        let to = `/${environment}`;
        if (typeof outcome === 'string') to += `?oidc=${outcome}`;
        else {
          const { account, ended } = outcome;
          sessions.forget(ended);
          const begun = await sessions.beginFor(account.id, [...account.roles.keys()]);
          for (const { environmentId, token } of begun)
            cookies.push(
              sessions.cookies.write(request.headers, readEnvironmentId(environmentId) ?? 'test', token),
            );
          if (!account.roles.has(environment)) to = `/${begun[0]?.environmentId ?? environment}`;
          context.bearer = { environmentId: environment, kind: 'MEMBER', lastFour: null };
        }
        const headers = { 'Cache-Control': 'no-store', 'Set-Cookie': cookies };
        response.writeHead(302, { ...headers, Location: `${basePath}${to}` }).end();

        async function finish(asked: IncomingMessage, kept: Flow) {
          const url = new URL(asked.url ?? '', context.origin());
          url.pathname = callback;
          const claims = await provider.end(url, kept).catch((error: unknown) => {
            log.warn({ err: error }, 'a sign-in by OpenID Connect failed');
            return null;
          });
          if (claims === null) return 'failed';
          const person = readClaims(claims);
          return (person === null ? null : await signInPerson(db, person, idsOf(context))) ?? 'refused';
        }
      }),
    },
  };
}
