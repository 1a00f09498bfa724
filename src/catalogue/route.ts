import type { Author } from '../audit/rules.ts';
import { allowanceOf, authorOf, identifyHolder } from '../auth/caller.ts';
import { readAuthorization } from '../auth/keys/rules.ts';
import type { Keyring } from '../auth/keys/store.ts';
import type { Database } from '../database/client.ts';
import { DomainError } from '../errors.ts';
import { forCallers } from '../http/admission.ts';
import { readJson, refuseBody } from '../http/body.ts';
import type { Gate } from '../http/gate.ts';
import type { RateLimit } from '../http/rate-limit.ts';
import { type Answer, type Refusal, sendJson, unauthenticated } from '../http/response.ts';
import type { Handler, Route } from '../http/router.ts';
import { Configuration, problemsOf, type Wishes } from './file/rules.ts';
import { lineOf } from './plan/finding-rules.ts';
import { preview, publish, pull } from './publish.ts';

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
  database,
  keyring,
  gate,
  rateLimit,
}: Doors): Record<string, Route> {
  /** Answers what `work` does for whoever holds the key. */
  const forKey = (work: (author: Author, body: Buffer) => Promise<Answer>): Handler =>
    forCallers(
      {
        gate,
        rateLimit,
        allowanceOf,
        async identify({ authorization }, context) {
          const caller = await identifyHolder(keyring, readAuthorization(authorization));
          context.bearer = caller;
          return caller;
        },
      },
      async (_request, response, { caller, body, context }) =>
        sendJson(response, await work(authorOf(caller, context), body).catch(refuseMistake)),
      (request, response) => refuseBody(request, response, wrongKey),
    );

  return {
    '/cli/pull': {
      GET: forKey(async ({ environmentId }) =>
        ok(await pull(database.of(environmentId).prisma, environmentId)),
      ),
    },
    '/cli/validate': {
      POST: forKey(({ environmentId }, body) =>
        forFile(body, async (wishes) => ({
          data: (await preview(database.of(environmentId).prisma, environmentId, wishes)).map(lineOf),
        })),
      ),
    },
    '/cli/publish': {
      POST: forKey((author, body) =>
        forFile(body, async (wishes) => {
          // The command itself asks before, and passes on what cannot be done.
          const terms = { partly: true, agreed: null };
          const { file, findings } = await publish(
            database.of(author.environmentId).prisma,
            author,
            wishes,
            new Date(),
            terms,
          );
          return { ...file, data: findings.map(lineOf) };
        }),
      ),
    },
  };
}

const ok = (body: object): Answer => ({ status: 200, body });

/** Reads the configuration file that was sent, and answers what `work` makes of it. */
async function forFile(body: Buffer, work: (wishes: Wishes) => Promise<object>): Promise<Answer> {
  const sent = readJson(body);
  if (sent === undefined) return refuse(400, 'BAD_USER_INPUT', 'ValidationError', ['The body is not JSON.']);
  const { data: wishes, error } = Configuration.safeParse(sent);
  if (error !== undefined) return refuse(400, 'BAD_USER_INPUT', 'ValidationError', problemsOf(error));
  return ok(await work(wishes));
}

const wrongKey = withData(
  unauthenticated('Unauthenticated: send a valid private key in the Authorization header.'),
);

function refuseMistake(error: unknown): Answer {
  if (!(error instanceof DomainError)) throw error;
  return refuse(400, error.code, error.typedName, [error.message]);
}

function refuse(status: number, code: string, name: string, messages: string[]): Answer {
  const errors = messages.map((message) => ({ message, extensions: { code, exception: { name, message } } }));
  return withData({ status, body: { errors } });
}

/** Adds the messages as `data`: the original's command reads that, whatever the status. */
function withData({ body, ...answer }: Refusal): Answer {
  const data = body.errors.map(({ message }) => `[ERROR] ${message}`);
  return { ...answer, body: { ...body, data } };
}
