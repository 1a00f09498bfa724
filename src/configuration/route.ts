import type { IncomingMessage } from 'node:http';
import type { Author } from '../audit/rules.ts';
import { authorOf } from '../auth/author-rules.ts';
import { readAuthorization } from '../auth/rules.ts';
import type { Identity, Keyring } from '../auth/store.ts';
import type { Database } from '../database/client.ts';
import { type Answer, sendJson } from '../http/answer.ts';
import { type BodyHandler, withBody } from '../http/body-limit.ts';
import { type Gate, gated } from '../http/gate.ts';
import { type RateLimit, refuseHaste } from '../http/rate-limit.ts';
import type { Handler, Route } from '../http/router.ts';
import { preview, publish, pull } from './actions.ts';
import { Configuration, problemsOf, type Wishes } from './file-rules.ts';
import { lineOf } from './finding-rules.ts';

interface Doors {
  database: Database;
  keyring: Keyring;
  gate: Gate;
  rateLimit: RateLimit;
}

/**
 * The doors of the `kana` command, by path: `/cli/pull` answers the catalogue as a configuration file,
 * `/cli/validate` what publishing a file would do (`{ data: [] }`: nothing), and `/cli/publish` does it, and
 * answers the file as it is afterwards, with what was done and what was not as `data`. All of them take the
 * private key alone.
 */
export function createConfigurationRoutes({
  database: { prisma },
  keyring,
  gate,
  rateLimit,
}: Doors): Record<string, Route> {
  /** Answers what `work` does for whoever holds the key. */
  const forKey = (work: (author: Author, body: Buffer) => Promise<Answer>): BodyHandler =>
    gated(gate, async (request, response, body, exchange) => {
      const identity = await authenticate(keyring, request);
      exchange.bearer = identity;
      if (identity === null) return sendJson(response, unauthenticated());
      const haste = refuseHaste(rateLimit, `PRIVATE_KEY ${identity.keyId}`);
      if (haste !== null) return sendJson(response, haste);
      const author = authorOf({ ...identity, through: 'PRIVATE_KEY' }, exchange.id);
      return sendJson(response, await work(author, body));
    });

  return {
    '/cli/pull': {
      GET: withoutBody(forKey(async ({ environmentId }) => ok(await pull(prisma, environmentId)))),
    },
    '/cli/validate': {
      POST: withBody(
        forKey(({ environmentId }, body) =>
          forFile(body, async (wishes) => ({
            data: (await preview(prisma, environmentId, wishes)).map(lineOf),
          })),
        ),
      ),
    },
    '/cli/publish': {
      POST: withBody(
        forKey((author, body) =>
          forFile(body, async (wishes) => {
            // The command itself asks before, and passes on what cannot be done.
            const terms = { partly: true, agreed: null };
            const { file, findings } = await publish(prisma, author, wishes, new Date(), terms);
            return { ...file, data: findings.map(lineOf) };
          }),
        ),
      ),
    },
  };
}

const withoutBody =
  (handle: BodyHandler): Handler =>
  (request, response, exchange) =>
    handle(request, response, Buffer.alloc(0), exchange);

const ok = (body: object): Answer => ({ status: 200, body });

async function authenticate(keyring: Keyring, request: IncomingMessage): Promise<Identity | null> {
  const key = readAuthorization(request.headers.authorization);
  const identity = key === null ? null : await keyring.identify(key);
  return identity?.kind === 'PRIVATE' ? identity : null;
}

/** Reads the configuration file that was sent, and answers what `work` makes of it. */
async function forFile(body: Buffer, work: (wishes: Wishes) => Promise<object>): Promise<Answer> {
  const sent = parseBody(body);
  if (sent === undefined) return refuse(400, 'BAD_USER_INPUT', 'ValidationError', ['The body is not JSON.']);
  const { data: wishes, error } = Configuration.safeParse(sent);
  if (error !== undefined) return refuse(400, 'BAD_USER_INPUT', 'ValidationError', problemsOf(error));
  return ok(await work(wishes));
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parseBody(body: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    return undefined;
  }
}

const unauthenticated = () =>
  refuse(401, 'UNAUTHENTICATED', 'AuthenticationError', [
    'Unauthenticated: send a valid private key in the Authorization header.',
  ]);

/** A refusal as everywhere, and the same as `data`: the original's command reads that, whatever the status. */
function refuse(status: number, code: string, name: string, messages: string[]): Answer {
  const errors = messages.map((message) => ({ message, extensions: { code, exception: { name, message } } }));
  return { status, body: { errors, data: messages.map((message) => `[ERROR] ${message}`) } };
}
