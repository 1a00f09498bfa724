import type { RequestListener } from 'node:http';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { allowanceOf, type Caller, identifyCaller } from './auth/caller.ts';
import { lastFourOf, parseKey, readAuthorization } from './auth/keys/rules.ts';
import type { Keyring } from './auth/keys/store.ts';
import { createLinks, type Links } from './auth/members/links.ts';
import { createPeopleRoutes, type PeopleDependencies } from './auth/people-route.ts';
import type { Encryption } from './auth/secrets/encryption.ts';
import type { UserIdentity, UserTokens } from './auth/tokens/tokens.ts';
import type { Billing } from './billing/billing.ts';
import { createStripeRoute } from './billing/route.ts';
import { forgetCustomers } from './billing/store.ts';
import { createCatalogueFiles } from './catalogue/file/files.ts';
import { createCatalogueRoutes } from './catalogue/route.ts';
import { identifyUser, userAllowance } from './client/authenticate.ts';
import type { ClientContext } from './client/builder.ts';
import { readUserId } from './client/rules.ts';
import { clientSchema } from './client/schema.ts';
import { untilAborted } from './database/cancellation.ts';
import type { Database } from './database/client.ts';
import { registerJobMetrics, registerPoolMetrics, registerReplicaMetrics } from './database/metrics.ts';
import type { Replica } from './database/replica.ts';
import { createDocumentRoutes } from './documents/route.ts';
import { createStandingFinder } from './entitlements/store.ts';
import type { Context } from './graphql/context.ts';
import { adminPage, clientPage, type GraphiqlPage } from './graphql/graphiql.ts';
import { withReplica } from './graphql/reading.ts';
import { createGraphqlRoute, createHomeRoute } from './graphql/route.ts';
import { schema } from './graphql/schema.ts';
import { type Api, createGraphqlServer, type GraphqlServer } from './graphql/server.ts';
import { type ConsoleFiles, createAssetRoutes, createConsolePage } from './http/console.ts';
import { withCors } from './http/cors.ts';
import { reportFault } from './http/faults.ts';
import { createGate, registerGateMetrics } from './http/gate.ts';
import { createReadyRoute, createWriteHealth, liveRoute } from './http/health.ts';
import { createHeavyWork, createPace, type DoHeavyWork, longStatements } from './http/heavy-work.ts';
import { createMetricsRoute, type MetricsSources } from './http/metrics.ts';
import type { RateLimit } from './http/rate-limit.ts';
import { authorOf, type Bearer } from './http/request-context.ts';
import { createRouter, type Route } from './http/router.ts';
import { createMcpRoute } from './mcp/route.ts';
import { createOfrepRoutes } from './ofrep/route.ts';
import { createRestRoutes } from './rest/route.ts';
import { createSegmentApiRoutes } from './segment/api/route.ts';
import { releaseOnArrival } from './segment/arrival.ts';
import { createDeletion } from './segment/erasure/delete-person.ts';
import { createIngestion } from './segment/events/ingest.ts';
import { createSegmentRoute } from './segment/events/route.ts';
import { registerSegmentMetrics } from './segment/unprocessed-store.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { createUsageRecorder } from './usage/record/record.ts';
import { createReservations } from './usage/reservations/reserve.ts';
import { createAdmission } from './users/arrival.ts';

export interface Dependencies extends PeopleDependencies {
  database: Database;
  /** Null: there is none. */
  replica?: Replica | null;
  keyring: Keyring;
  userTokens: UserTokens;
  /** For the secrets in the database. */
  encryption: Encryption;
  billing: Billing;
  /** The built console; null serves none. */
  consoleFiles: ConsoleFiles | null;
  /** The path that all routes are below, such as `/kana`. */
  basePath?: string;
  /** The origins that may call the client API from a browser; see withCors. */
  clientOrigins: readonly string[];
  /** The secret of Segment's signatures. Undefined: signatures are not required. */
  segmentSecret: string | undefined;
  /** Whether operations that clients repeat are answered by plans; see src/graphql/plans. */
  plans?: boolean | undefined;
  /** The most concurrent operations of each environment; see createGate. */
  capacity?: number | undefined;
  /** The most memory for request bodies of each environment, in bytes; see createGate. */
  bodyRoom?: number | undefined;
  /** The rate limit of each key. Null: none. */
  rateLimit: RateLimit | null;
  log: Logger;
  webhooks: Context['webhooks'];
  /** The worker that reads and writes catalogue files; see createCatalogueFiles. */
  catalogueWorker?: URL | undefined;
  /** The metrics to write to. */
  metrics?: Metrics | undefined;
  /** The token for /metrics, and how the metrics of all processes are read. Null: /metrics is off. */
  metricsAccess?: Pick<MetricsSources, 'token' | 'readProcesses'> | null;
}

export interface App {
  /** Handles every request of an HTTP server. */
  listener: RequestListener;
  /** The paths of all routes. */
  paths: readonly string[];
}

/** Creates the server's routes. Does not listen. */
export function createApp(dependencies: Dependencies): App {
  const { database, consoleFiles, clientOrigins, log } = dependencies;
  const { metrics = createMetrics(), basePath = '', replica = null } = dependencies;
  const gate = createGate(metrics.refused, dependencies.capacity, dependencies.bodyRoom);
  const servicesOf = createServices({ ...dependencies, metrics });
  registerGateMetrics(metrics.registry, gate);
  registerPoolMetrics(metrics.registry, { ...database.pools, ...replica?.pools });
  if (replica !== null) registerReplicaMetrics(metrics.registry, replica);
  const heavy = {
    doHeavyWork: createHeavyWork({ restAfter: createPace(gate.isShared) }),
    doLongRead: createHeavyWork({ ...longStatements(), restAfter: createPace(gate.isShared) }),
    catalogueFiles: createCatalogueFiles(dependencies.catalogueWorker),
  };
  const links = createLinks(dependencies.secretKey);
  const admin = adminApi(dependencies, servicesOf, heavy, links);
  const client = clientApi(dependencies, servicesOf);
  const adminServer = createGraphqlServer(admin, log, {
    tracing: metrics.tracing,
    hasPlans: dependencies.plans,
  });
  const clientServer = createGraphqlServer(client, log, { tracing: metrics.tracing });
  const writes = createWriteHealth();
  const page = consoleFiles === null ? undefined : createConsolePage(consoleFiles);
  const serve = <Caller extends { environmentId: string }>(
    api: Api<Caller, object>,
    server: GraphqlServer<Caller>,
    graphiql: GraphiqlPage,
  ): Route => {
    const moved = { ...graphiql, endpoint: `${basePath}${graphiql.endpoint}` };
    return createGraphqlRoute({ api, server, page: moved, gate, rateLimit: dependencies.rateLimit });
  };
  const events = {
    ...dependencies,
    gate,
    ingestEvents: (environmentId: string, sent: readonly unknown[]) =>
      servicesOf(environmentId).ingestEvents(environmentId, sent),
  };
  const routes = {
    ...(consoleFiles === null ? {} : createAssetRoutes(consoleFiles)),
    '/': page === undefined ? createHomeRoute(basePath) : { GET: page },
    ...createPeopleRoutes(dependencies, database.prisma, { gate, links }),
    '/graphql': serve(admin, adminServer, adminPage),
    '/client/graphql': withCors(serve(client, clientServer, clientPage), clientOrigins),
    '/segment/events': createSegmentRoute(events),
    ...createSegmentApiRoutes(events),
    ...createOfrepRoutes({ ...dependencies, gate, readers: dependencies, readingOf: servicesOf }),
    '/billing/stripe/webhook': createStripeRoute({ ...dependencies, prisma: database.prisma, gate }),
    ...createRestRoutes({ ...dependencies, basePath, gate, server: adminServer }),
    '/mcp': createMcpRoute({ ...dependencies, gate, server: adminServer }),
    ...createCatalogueRoutes({ ...dependencies, gate, ...heavy }),
    ...createDocumentRoutes(),
    '/health/live': liveRoute,
    '/health/ready': createReadyRoute(database, writes, replica),
    ...metricsRoutes(dependencies),
  };
  const listener = createRouter(routes, { log, metrics, writes }, page, basePath);
  return { listener, paths: Object.keys(routes) };
}

function metricsRoutes({ metricsAccess, database: { work } }: Dependencies): Record<string, Route> {
  if (!metricsAccess) return {};
  const registerDatabaseMetrics = async (registry: Registry) => {
    await Promise.all([registerJobMetrics(registry, work), registerSegmentMetrics(registry, work)]);
  };
  return { '/metrics': createMetricsRoute({ ...metricsAccess, registerDatabaseMetrics }) };
}

/** The services of one environment: its own connections and its own batches. */
type Services = Pick<
  Context,
  'db' | 'findStanding' | 'recordUsage' | 'reservations' | 'admitUsers' | 'deletePerson' | 'ingestEvents'
>;
type ServicesOf = (environmentId: string) => Services;

function createServices({ database, log, metrics }: Dependencies): ServicesOf {
  const create = (environmentId: string): Services => {
    const connections = database.of(environmentId);
    const onUserArrived = [releaseOnArrival(connections, log)];
    return {
      db: connections.prisma,
      findStanding: createStandingFinder(connections.hot, metrics),
      recordUsage: createUsageRecorder(connections.hot, metrics),
      reservations: createReservations(connections.hot),
      admitUsers: createAdmission(connections.prisma, onUserArrived),
      deletePerson: createDeletion(connections, log, [forgetCustomers]),
      ingestEvents: createIngestion(connections, metrics),
    };
  };
  return oncePerEnvironment(create);
}

function oncePerEnvironment<Made>(create: (environmentId: string) => Made): (environmentId: string) => Made {
  const all = new Map<string, Made>();
  return (environmentId) => {
    const made = all.get(environmentId) ?? create(environmentId);
    all.set(environmentId, made);
    return made;
  };
}

/** For servers: everything in the environment of a private key. */
function adminApi(
  dependencies: Dependencies,
  servicesOf: ServicesOf,
  { doLongRead, ...heavy }: Pick<Context, 'doHeavyWork' | 'catalogueFiles'> & { doLongRead: DoHeavyWork },
  links: Links,
): Api<Caller, Context> {
  const { database, keyring, userTokens, sessions, billing, webhooks, log } = dependencies;
  const { basePath = '', replica = null } = dependencies;
  const shared = {
    readClock: database.readClock,
    userTokens,
    webhooks,
    billing,
    ...heavy,
    links,
    sessions,
  };
  const allServicesOf = oncePerEnvironment((environmentId) => ({ ...servicesOf(environmentId), ...shared }));
  return {
    schema,
    credentials: 'a valid private key in the Authorization header',
    async identify(headers, requestContext) {
      const caller = await identifyCaller(headers, { keyring, sessions });
      requestContext.bearer = caller;
      return caller;
    },
    allowanceOf,
    knownUntil: ({ validUntil }) => validUntil,
    contextOf(caller, requestContext) {
      const { environmentId, permissions } = caller;
      const untilCallerLeaves: Context['untilCallerLeaves'] = (read) =>
        untilAborted(requestContext.untilLeft(), read);
      const services = allServicesOf(environmentId);
      // Each property by its name: spread into a literal, so many of them cost 10 µs a request.
      const context: Context = {
        db: services.db,
        findStanding: services.findStanding,
        recordUsage: services.recordUsage,
        reservations: services.reservations,
        admitUsers: services.admitUsers,
        deletePerson: services.deletePerson,
        ingestEvents: services.ingestEvents,
        readClock: services.readClock,
        userTokens: services.userTokens,
        webhooks: services.webhooks,
        billing: services.billing,
        catalogueFiles: services.catalogueFiles,
        doHeavyWork: services.doHeavyWork,
        links: services.links,
        sessions: services.sessions,
        environmentId,
        permissions,
        author: authorOf(caller, requestContext),
        untilCallerLeaves,
        addressOf: (path) => `${requestContext.origin()}${basePath}${path}`,
        readLong: (read) => doLongRead(environmentId, () => untilCallerLeaves(read)),
        reportFault: (error: unknown) => reportFault(log, error, requestContext),
      };
      return replica === null ? context : withReplica(context, replica, caller, requestContext);
    },
  };
}

/** The client API, for browsers: what one user may read. */
function clientApi(
  { keyring, userTokens }: Dependencies,
  servicesOf: ServicesOf,
): Api<UserIdentity, ClientContext> {
  return {
    schema: clientSchema,
    credentials:
      'a valid user token after "Bearer" in the Authorization header, or a public key there and the id of the user in X-User-ID',
    async identify(headers, requestContext) {
      const credentials = {
        authorization: readAuthorization(headers.authorization),
        userId: readUserId(headers['x-user-id']?.toString()),
      };
      const user = await identifyUser(credentials, { keyring, userTokens }, new Date());
      if (user !== null)
        requestContext.bearer = bearerOf(user.environmentId, credentials.authorization ?? '');
      return user;
    },
    allowanceOf: userAllowance,
    contextOf(user) {
      const { db, findStanding } = servicesOf(user.environmentId);
      return { db, findStanding, ...user };
    },
  };
}

const bearerOf = (environmentId: string, credentials: string): Bearer =>
  parseKey(credentials) === null
    ? { environmentId, kind: 'USER_TOKEN', lastFour: null }
    : { environmentId, kind: 'PUBLIC', lastFour: lastFourOf(credentials) };
