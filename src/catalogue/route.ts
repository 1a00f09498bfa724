import { GraphQLError } from 'graphql';
import type { Author } from '../audit/rules.ts';
import { allowanceOf, type Caller, identifyHolder } from '../auth/caller.ts';
import { readAuthorization } from '../auth/keys/rules.ts';
import type { Keyring } from '../auth/keys/store.ts';
import type { Scope } from '../auth/permission-rules.ts';
import type { Database } from '../database/client.ts';
import { DomainError } from '../errors.ts';
import { forCallers, needsScope } from '../http/admission.ts';
import { readText, refuseBody } from '../http/body.ts';
import type { Gate } from '../http/gate.ts';
import type { DoHeavyWork } from '../http/heavy-work.ts';
import type { RateLimit } from '../http/rate-limit.ts';
import { authorOf } from '../http/request-context.ts';
import { type Answer, overloaded, type Refusal, sendJson, unauthenticated } from '../http/response.ts';
import type { Handler, Route } from '../http/router.ts';
import type { CatalogueFiles } from './file/files.ts';
import type { DesiredCatalogue } from './file/rules.ts';
import { lineOf } from './plan/finding-rules.ts';
import { preview, publish, pull } from './publish.ts';

interface RouteDependencies {
  database: Database;
  keyring: Keyring;
  gate: Gate;
  rateLimit: RateLimit | null;
  doHeavyWork: DoHeavyWork;
  catalogueFiles: CatalogueFiles;
}

/**
 * The routes of the `kana` command. `/cli/pull` returns the catalogue as a file. `/cli/validate` returns the findings
 * of a file as `{ data }`; an empty list means no difference. `/cli/publish` applies a file and returns the catalogue
 * with the findings as `data`. All need a private key, and all are heavy work.
 */
export function createCatalogueRoutes({
  database,
  keyring,
  gate,
  rateLimit,
  doHeavyWork,
  catalogueFiles,
}: RouteDependencies): Record<string, Route> {
  const forKey = (scope: Scope, work: (author: Author, body: Buffer) => Promise<Answer>): Handler =>
    forCallers<Caller>(
      {
        gate,
        rateLimit,
        allowanceOf,
        async identify({ authorization }, context) {
          const caller = await identifyHolder(keyring, readAuthorization(authorization));
          context.bearer = caller;
          return caller;
        },
        refusalOf(caller) {
          const refused = needsScope(scope, 'this command')(caller);
          return refused === null ? null : withData(refused);
        },
      },
      async (_request, response, { caller, body, context }) => {
        const author = authorOf(caller, context);
        const answer = doHeavyWork(author.environmentId, () => work(author, body));
        sendJson(response, await answer.catch(refusalOf));
      },
      (request, response) => refuseBody(request, response, wrongKey),
    );

  return {
    '/cli/pull': {
      GET: forKey('read', async ({ environmentId }) =>
        ok(await pull(database.of(environmentId).prisma, environmentId)),
      ),
    },
    '/cli/validate': {
      POST: forKey('read', ({ environmentId }, body) =>
        forFile(catalogueFiles, body, async (desired) => ({
          data: (await preview(database.of(environmentId).prisma, environmentId, desired)).map(lineOf),
        })),
      ),
    },
    '/cli/publish': {
      POST: forKey('admin', (author, body) =>
        forFile(catalogueFiles, body, async (desired) => {
          const { prisma } = database.of(author.environmentId);
          // The command asks for confirmation and shows refused changes.
          const conditions = { partly: true, expectedFingerprint: null };
          const { file, findings } = await publish(prisma, author, desired, conditions);
          return { ...file, data: findings.map(lineOf) };
        }),
      ),
    },
  };
}

const ok = (body: object): Answer => ({ status: 200, body });

/** Parses the file in the body and returns the result of `work`. */
async function forFile(
  files: CatalogueFiles,
  body: Buffer,
  work: (desired: DesiredCatalogue) => Promise<object>,
): Promise<Answer> {
  // As text: a worker gets no copy of a value that is nested deeply, and of a number only what JavaScript holds.
  const read = await files.parse(readText(body) ?? '');
  if ('problems' in read) return refuse(400, 'BAD_USER_INPUT', 'ValidationError', read.problems);
  return ok(await work(read.desired));
}

const wrongKey = withData(
  unauthenticated('Unauthenticated: send a valid private key in the Authorization header.'),
);

function refusalOf(error: unknown): Answer {
  if (error instanceof GraphQLError && error.extensions.code === 'OVERLOADED') return withData(overloaded);
  if (!(error instanceof DomainError)) throw error;
  return refuse(400, error.code, error.typedName, [error.message]);
}

function refuse(status: number, code: string, name: string, messages: string[]): Answer {
  const errors = messages.map((message) => ({ message, extensions: { code, exception: { name, message } } }));
  return withData({ status, body: { errors } });
}

/** Adds the messages as `data`, which Kana's own command reads for any status. */
function withData({ body, ...answer }: Refusal): Answer {
  const data = body.errors.map(({ message }) => `[ERROR] ${message}`);
  return { ...answer, body: { ...body, data } };
}
