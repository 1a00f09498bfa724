import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { readAuthorization } from '../auth/keys/rules.ts';
import { identifyReader, type Reader, type Readers } from '../client/authenticate.ts';
import { readUserId } from '../client/rules.ts';
import { type Reading, reportAll, reportOne } from '../entitlements/report.ts';
import { type CallerHandler, forCallers, needsScope } from '../http/admission.ts';
import { readJson, refuseBody } from '../http/body.ts';
import { withCors } from '../http/cors.ts';
import type { Gate } from '../http/gate.ts';
import type { RateLimit } from '../http/rate-limit.ts';
import { type Answer, type Refusal, sendJson, unauthenticated } from '../http/response.ts';
import type { Handler, Route } from '../http/router.ts';
import { Id, parse } from '../input.ts';
import { type Evaluation, errorOf, flagOf, type OfrepError, readEvaluation } from './rules.ts';

interface RouteDependencies {
  readers: Readers;
  readingOf(environmentId: string): Reading;
  gate: Gate;
  rateLimit: RateLimit | null;
  /** The origins that may call from a browser; see withCors. */
  clientOrigins: readonly string[];
}

/** What OpenFeature's provider for browsers sends. */
const pageHeaders = 'Authorization, Content-Type, If-None-Match, X-API-Key, X-User-ID';

/**
 * The OpenFeature Remote Evaluation Protocol. A flag is a feature, its key the feature's id, the targeting key a user's id.
 * A private key may ask about every user; a user token, or a public key with X-User-ID, about that user.
 */
export function createOfrepRoutes(dependencies: RouteDependencies): Record<string, Route> {
  const { clientOrigins, readingOf } = dependencies;
  const routeOf = (evaluate: Evaluate): Route =>
    withCors({ POST: createHandler(dependencies, evaluate) }, clientOrigins, pageHeaders);
  return {
    '/ofrep/v1/evaluate/flags': routeOf(async ({ environmentId }, { as, ...question }) => {
      const reports = await reportAll(readingOf(environmentId), { environmentId, ...question });
      return { status: 200, body: { flags: reports.map((report) => flagOf(report, as)) } };
    }),
    '/ofrep/v1/evaluate/flags/{featureId}': routeOf(
      async ({ environmentId }, { as, ...question }, { featureId: key = '' }) => {
        const featureId = parse(Id, key, 'key');
        const report = await reportOne(readingOf(environmentId), featureId, { environmentId, ...question });
        const flag = flagOf(report, as);
        return { status: 'errorCode' in flag ? 400 : 200, body: flag };
      },
    ),
  };
}

type Evaluate = (
  reader: Reader,
  evaluation: Evaluation,
  params: Readonly<Record<string, string>>,
) => Promise<Answer>;

function createHandler({ gate, rateLimit, readers }: RouteDependencies, evaluate: Evaluate): Handler {
  const handle: CallerHandler<Reader> = async (request, response, { caller, body, context }) => {
    const sent = body.length === 0 ? {} : readJson(body);
    const evaluation = readEvaluation(sent, caller.userId);
    const answer =
      'errorCode' in evaluation
        ? answerTo(evaluation)
        : await evaluate(caller, evaluation, context.params).catch((error) => answerTo(errorOf(error)));
    const { featureId: key } = context.params;
    if (answer.status !== 200 && key !== undefined) answer.body = { key, ...(answer.body as object) };
    sendTagged(request, response, answer);
  };
  const refuse = (request: IncomingMessage, response: ServerResponse, answer: Answer) =>
    refuseBody(request, response, toldAsOfrep(answer));
  return forCallers<Reader>(
    {
      gate,
      rateLimit,
      allowanceOf: ({ allowance }) => allowance,
      async identify(headers, context) {
        const reader = await identifyReader(credentialsOf(headers), readers, new Date());
        context.bearer = reader;
        return reader;
      },
      refusalOf: needsScope('read', 'evaluation'),
    },
    handle,
    (request, response) => refuse(request, response, wrongCredentials),
    refuse,
  );
}

/** OFREP names two headers: Authorization, and X-API-Key. */
const credentialsOf = ({ authorization, ...headers }: IncomingHttpHeaders) => ({
  authorization: readAuthorization(authorization) ?? readAuthorization(headers['x-api-key']?.toString()),
  userId: readUserId(headers['x-user-id']?.toString()),
});

const answerTo = ({ status, ...body }: OfrepError): Answer => ({ status, body });

/** Sends an answer with its ETag, or 304 if the client has it already. */
function sendTagged({ headers }: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const caching = {
    'Cache-Control': 'private, no-cache',
    Vary: 'Authorization, X-API-Key, X-User-ID, Origin',
  };
  if (answer.status !== 200) {
    sendJson(response, { ...answer, headers: caching });
    return;
  }
  const hash = createHash('sha256').update(JSON.stringify(answer.body)).digest('base64url');
  const tag = `"${hash.slice(0, 27)}"`;
  response.setHeader('ETag', tag);
  response.setHeader('Access-Control-Expose-Headers', 'ETag');
  const known = headers['if-none-match']?.split(',').map((each) => each.trim().replace(/^W\//, '')) ?? [];
  if (known.includes(tag)) response.writeHead(304, caching).end();
  else sendJson(response, { ...answer, headers: caching });
}

/** Adds what OFREP's clients read to a refusal. */
function toldAsOfrep(answer: Answer): Answer {
  const { errors } = answer.body as Partial<Refusal['body']>;
  return { ...answer, body: { errorCode: 'GENERAL', errorDetails: errors?.[0]?.message, errors } };
}

const wrongCredentials = unauthenticated(
  'Unauthenticated: send a private key, a user token, or a public key with X-User-ID, in the Authorization header.',
);
