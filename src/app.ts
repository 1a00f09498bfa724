import type { RequestListener } from 'node:http';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { allowanceOf, authorOf, identifyCaller } from './auth/caller.ts';
import { lastFourOf, parseKey, readAuthorization } from './auth/keys/rules.ts';
import type { Keyring } from './auth/keys/store.ts';
import { createSessionRoute } from './auth/sessions/route.ts';
import type { Sessions } from './auth/sessions/sessions.ts';
import type { UserTokens } from './auth/tokens/tokens.ts';
import { createCatalogueFiles } from './catalogue/file/files.ts';
import { createConfigurationRoutes } from './catalogue/route.ts';
import { identifyUser } from './client/authenticate.ts';
import type { ClientContext } from './client/context.ts';
import { readUserId } from './client/rules.ts';
import { clientSchema } from './client/schema.ts';
import type { Database } from './database/client.ts';
import { registerJobMetrics, registerPoolMetrics } from './database/metrics.ts';
import { createStandingFinder } from './entitlements/store.ts';
import type { Context } from './graphql/context.ts';
import { adminPage, clientPage } from './graphql/graphiql.ts';
import { createGraphqlRoute, homeRoute } from './graphql/route.ts';
import { schema } from './graphql/schema.ts';
import { type Api, createGraphqlServer } from './graphql/server.ts';
import { type ConsoleFiles, createAssetRoutes, createConsolePage } from './http/console.ts';
import { withCors } from './http/cors.ts';
import { reportFault } from './http/faults.ts';
import { createGate, tellGate } from './http/gate.ts';
import { createReadyRoute, createWriteHealth, liveRoute } from './http/health.ts';
import { createHeavyWork } from './http/heavy-work.ts';
import { createMetricsRoute, type MetricsSources } from './http/metrics.ts';
import { type RateLimit, requireAllowance } from './http/rate-limit.ts';
import type { Bearer } from './http/request-context.ts';
import { createRouter, type Route } from './http/router.ts';
import { createAdmission } from './segment/arrival.ts';
import { createDeletion } from './segment/erasure/delete-person.ts';
import { createIngestion } from './segment/events/ingest.ts';
import { createSegmentRoute } from './segment/events/route.ts';
import { tellSegment } from './segment/metrics-store.ts';
import { createMeters, type Meters } from './telemetry/metrics.ts';
import { createUsageRecorder } from './usage/record/record.ts';

export interface Dependencies {
  database: Database;
  keyring: Keyring;
  userTokens: UserTokens;
  sessions: Sessions;
  /** The built console; null serves none. */
  consoleFiles: ConsoleFiles | null;
  /** The origins whose pages may call the client API from a browser; see withCors. */
  clientOrigins: readonly string[];
  /** What Segment signs its requests with; undefined takes them without a signature. */
  segmentSecret: string | undefined;
  /** How many operations may be worked on at once; see createGate. */
  capacity?: number | undefined;
  /** How many bytes of their bodies may be held at once; see createGate. */
  bodyRoom?: number | undefined;
  /** How often each key may call. */
  rateLimit: RateLimit;
  log: Logger;
  /** The worker that reads and writes catalogue files; see createCatalogueFiles. */
  catalogueWorker?: URL | undefined;
  /** The metrics; without them nothing is exported. */
  meters?: Meters | undefined;
  /** Who may read the figures, and how those of all processes are read; null where nobody may. */
  metrics?: Pick<MetricsSources, 'token' | 'readProcesses'> | null;
}

export interface App {
  /** Handles every request of an HTTP server. */
  listener: RequestListener;
  /** The paths at which something answers. */
  paths: readonly string[];
}

/** Composes the server; it does not listen. */
export function createApp(dependencies: Dependencies): App {
  const { database, sessions, consoleFiles, clientOrigins, log } = dependencies;
  const { meters = createMeters() } = dependencies;
  const servicesOf = createServices({ ...dependencies, meters });
  const gate = createGate(meters.refused, dependencies.capacity, dependencies.bodyRoom);
  tellGate(meters.registry, gate);
  registerPoolMetrics(meters.registry, database.pools);
  const admin = createGraphqlServer(adminApi(dependencies, servicesOf), log, meters.tracing);
  const client = createGraphqlServer(clientApi(dependencies, servicesOf), log, meters.tracing);
  const writes = createWriteHealth();
  const page = consoleFiles === null ? undefined : createConsolePage(consoleFiles);
  const routes = {
    ...(consoleFiles === null ? {} : createAssetRoutes(consoleFiles)),
    '/': page === undefined ? homeRoute : { GET: page },
    '/console/session': createSessionRoute(sessions, gate),
    '/graphql': createGraphqlRoute(admin, adminPage, gate),
    '/client/graphql': withCors(createGraphqlRoute(client, clientPage, gate), clientOrigins),
    '/segment/events': createSegmentRoute({
      ...dependencies,
      ingestEvents: (environmentId, ...rest) =>
        servicesOf(environmentId).ingestEvents(environmentId, ...rest),
      gate,
    }),
    ...createConfigurationRoutes({ ...dependencies, gate }),
    '/health/live': liveRoute,
    '/health/ready': createReadyRoute(database, writes),
    ...metricsRoutes(dependencies),
  };
  return { listener: createRouter(routes, { log, meters, writes }, page), paths: Object.keys(routes) };
}

function metricsRoutes({ metrics, database: { work } }: Dependencies): Record<string, Route> {
  if (!metrics) return {};
  const tellDatabase = async (registry: Registry) => {
    await Promise.all([registerJobMetrics(registry, work), tellSegment(registry, work)]);
  };
  return { '/metrics': createMetricsRoute({ ...metrics, tellDatabase }) };
}

/** What requests of one environment work with: its own connections, and batches of its own calls alone. */
type Services = Pick<
  Context,
  'db' | 'findStanding' | 'recordUsage' | 'admitUsers' | 'deletePerson' | 'ingestEvents'
>;
type ServicesOf = (environmentId: string) => Services;

function createServices({ database, log, meters }: Dependencies): ServicesOf {
  const create = (environmentId: string): Services => {
    const connections = database.of(environmentId);
    return {
      db: connections.prisma,
      findStanding: createStandingFinder(connections.hot, meters),
      recordUsage: createUsageRecorder(connections.hot, meters),
      admitUsers: createAdmission(connections, log),
      deletePerson: createDeletion(connections, log),
      ingestEvents: createIngestion(connections, meters),
    };
  };
  const services = new Map<string, Services>();
  return (environmentId) => {
    const known = services.get(environmentId) ?? create(environmentId);
    services.set(environmentId, known);
    return known;
  };
}

/** For servers: everything in the environment of a private key. */
function adminApi(
  { database, keyring, userTokens, sessions, log, rateLimit, catalogueWorker }: Dependencies,
  servicesOf: ServicesOf,
): Api<Context> {
  const catalogueFiles = createCatalogueFiles(catalogueWorker);
  const doHeavyWork = createHeavyWork();
  return {
    schema,
    credentials: 'a valid private key in the Authorization header',
    async contextOf(headers, requestContext) {
      const caller = await identifyCaller(headers, { keyring, sessions });
      requestContext.bearer = caller;
      if (caller === null) return { isAuthenticated: false };
      requireAllowance(rateLimit, allowanceOf(caller));
      const author = authorOf(caller, requestContext);
      const { environmentId } = author;
      const tellFault = (error: unknown) => reportFault(log, error, requestContext);
      const services = { ...servicesOf(environmentId), readClock: database.readClock, userTokens };
      const heavy = { catalogueFiles, doHeavyWork };
      return { isAuthenticated: true, environmentId, author, ...services, ...heavy, tellFault };
    },
  };
}

/** The client API, for browsers: what one user may read. */
function clientApi(
  { keyring, userTokens, rateLimit }: Dependencies,
  servicesOf: ServicesOf,
): Api<ClientContext> {
  return {
    schema: clientSchema,
    credentials:
      'a valid user token after "Bearer" in the Authorization header, or a public key there and the id of the user in X-User-ID',
    async contextOf(headers, requestContext) {
      const credentials = {
        authorization: readAuthorization(headers.authorization),
        userId: readUserId(headers['x-user-id']?.toString()),
      };
      const user = await identifyUser(credentials, { keyring, userTokens }, new Date());
      if (user === null) return { isAuthenticated: false };
      requestContext.bearer = bearerOf(user.environmentId, credentials.authorization ?? '');
      requireAllowance(rateLimit, `USER ${user.environmentId} ${user.userId}`);
      const { db, findStanding } = servicesOf(user.environmentId);
      return { isAuthenticated: true, db, findStanding, ...user };
    },
  };
}

const bearerOf = (environmentId: string, credentials: string): Bearer =>
  parseKey(credentials) === null
    ? { environmentId, kind: 'USER_TOKEN', lastFour: null }
    : { environmentId, kind: 'PUBLIC', lastFour: lastFourOf(credentials) };
