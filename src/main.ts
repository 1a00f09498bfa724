import './start/environment.ts';
import cluster from 'node:cluster';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { createApp } from './app.ts';
import { createLastUses, type LastUses } from './auth/keys/last-use-store.ts';
import { createKeyring } from './auth/keys/store.ts';
import { createEncryption } from './auth/secrets/encryption.ts';
import { createSecretKey } from './auth/secrets/secret-key.ts';
import { createSessions } from './auth/sessions/sessions.ts';
import { loadTokenRealms } from './auth/tokens/realms.ts';
import { createUserTokens } from './auth/tokens/tokens.ts';
import { createBilling } from './billing/billing.ts';
import { calledAs } from './cli/calls.ts';
import { type Config, loadConfig } from './config/config.ts';
import type { TracingSettings } from './config/tracing.ts';
import { type Database, openDatabase } from './database/client.ts';
import type { Replica } from './database/replica.ts';
import { type Watch, watchDatabase } from './database/watch.ts';
import type { EmbeddedServer } from './embedded-postgres/server.ts';
import { StartupError } from './errors.ts';
import { loadConsole } from './http/console.ts';
import { createPost } from './http/outbound.ts';
import { createRateLimit } from './http/rate-limit.ts';
import { type HttpServer, listen } from './http/server.ts';
import { packageDirectory, version } from './installation.ts';
import type { Queue } from './jobs/queue.ts';
import type { Provisioned } from './provisioning/provision.ts';
import { reachServer } from './start/database.ts';
import { startJobs } from './start/jobs.ts';
import { prepare } from './start/prepare.ts';
import { reachReplica } from './start/replica.ts';
import { findSecretKey } from './start/secret-key.ts';
import { welcome } from './start/welcome.ts';
import { forwardMetrics, shareMetrics } from './start/worker-metrics.ts';
import { isPrepared, notifyPrimary, startWorkers, type Workers } from './start/workers.ts';
import { createLog } from './telemetry/log.ts';
import { createMetrics, type Metrics, registerProcessMetrics } from './telemetry/metrics.ts';
import { createExporter, type SpanExporter } from './telemetry/otlp.ts';
import { createTracing } from './telemetry/tracing.ts';
import { type Dispatcher, startDispatcher } from './webhooks/deliver.ts';
import { createSendMail } from './webhooks/email/send.ts';

/** The started parts, to stop in order. */
interface Running {
  http?: HttpServer;
  postgres?: EmbeddedServer;
  database?: Database;
  replica?: Replica | undefined;
  queue?: Queue;
  dispatcher?: Dispatcher;
  lastUses?: LastUses;
  watch?: Watch;
  workers?: Workers;
  traces?: SpanExporter | undefined;
}

/** Ctrl-C under npm arrives twice. Signals within this time count once. */
const repeatedSignalMs = 500;

// People read standard output; the log goes to standard error, as JSON, and never holds a key.
const print = (text: string) => process.stdout.write(`${text}\n`);

/** Starts everything. Bind first: a failed start never touches the database. */
async function start(config: Config, running: Running): Promise<void> {
  const http = await listen(config.host, config.port);
  running.http = http;
  const postgres = await reachServer(config, print);
  running.postgres = postgres;
  const secretKey = createSecretKey(await findSecretKey(config));
  const log = createLog(config.logLevel);
  const traces = config.tracing === null ? null : startTraces(config.tracing, log);
  running.traces = traces?.exporter;
  const tracing = traces?.tracing ?? null;
  const metrics = createMetrics(tracing);
  const database = openDatabase(postgres.url, { tracing });
  running.database = database;
  running.watch = watchDatabase(postgres.url, database);
  // A replacement worker skips the preparation that the primary process has done.
  const provisioned = isPrepared() ? null : await prepare(postgres.url, database, config, log);
  const replica = await reachReplica(config, database, log, tracing);
  running.replica = replica ?? undefined;

  const lastUses = createLastUses(database.prisma);
  running.lastUses = lastUses;
  const keyring = createKeyring(database.lookups, undefined, lastUses.note);
  const encryption = createEncryption(secretKey);
  const realms = await loadTokenRealms(database.prisma, config.tokenSecrets, encryption);
  const billing = createBilling(database, encryption, { apiBase: config.stripeApiBase }, config.stripeKeys);
  const app = createApp({
    database,
    replica,
    keyring,
    userTokens: createUserTokens(realms, config.tokenIssuer),
    sessions: createSessions({
      db: database.prisma,
      lookups: database.lookups,
      keyring,
      secretKey,
      basePath: config.basePath,
    }),
    secretKey,
    oidc: config.oidc,
    encryption,
    billing,
    consoleFiles: await loadConsole(
      join(packageDirectory, 'dist/console'),
      config.basePath,
      calledAs('keys'),
    ),
    basePath: config.basePath,
    clientOrigins: config.clientOrigins,
    segmentSecret: config.segmentSecret,
    rateLimit: config.rateLimit === null ? null : createRateLimit(config.rateLimit),
    log,
    plans: config.operationPlans,
    webhooks: { encryption, allowPrivate: config.webhookAllowPrivate },
    metrics,
    metricsAccess: openMetrics(config, metrics),
  });
  running.queue = await startJobs(postgres.url, database, billing, {
    log,
    metrics,
    retentionMonths: config.usageRetentionMonths,
  });
  const post = createPost(config.webhookAllowPrivate);
  running.dispatcher = startDispatcher({
    pool: database.work,
    encryption,
    post,
    sendMail: config.email === null ? null : await createSendMail(config.email, log),
    log,
    isBusy: database.isBusy,
  });
  http.open(app.listener);

  if (cluster.isWorker) await notifyPrimary({ address: http.address });
  if (provisioned !== null) announce(http.address + config.basePath, provisioned);
}

/** Enables metrics if a token is configured. Process metrics cost a little. */
function openMetrics({ metricsToken: token }: Config, { registry }: Metrics) {
  if (token === undefined) return null;
  registerProcessMetrics(registry, version);
  return { token, readProcesses: cluster.isWorker ? shareMetrics(registry) : () => registry.metrics() };
}

function startTraces(settings: TracingSettings, log: Logger) {
  const resource = { 'service.version': version, ...settings.resource };
  const exporter = createExporter({ ...settings, resource }, log);
  return { exporter, tracing: createTracing(settings, exporter.take) };
}

/** Starts several worker processes on a database that is prepared once. */
async function startSeveral(config: Config, running: Running): Promise<void> {
  await (await listen(config.host, config.port)).close();
  const postgres = await reachServer(config, print);
  running.postgres = postgres;
  const secretKey = await findSecretKey(config);
  const database = openDatabase(postgres.url);
  const log = createLog(config.logLevel);
  const provisioned = await prepare(postgres.url, database, config, log).finally(() => database.close());
  if (config.metricsToken !== undefined) forwardMetrics();
  const workers = await startWorkers(config.processes, {
    DATABASE_URL: postgres.url,
    KANA_SECRET_KEY: secretKey,
  });
  running.workers = workers;
  announce(workers.address + config.basePath, provisioned);
}

function announce(address: string, provisioned: Provisioned): void {
  const more = provisioned.firstStart ? `\n${welcome(address, provisioned)}` : '';
  print(`Open Kana answers at ${address}${more}`);
}

/** Stops accepting, finishes accepted requests, and closes the database. */
async function stop({
  http,
  postgres,
  database,
  queue,
  dispatcher,
  lastUses,
  replica,
  watch,
  workers,
  traces,
}: Running): Promise<void> {
  await workers?.stop();
  await Promise.all([http?.close(), queue?.stop(), dispatcher?.stop()]);
  await traces?.stop();
  await lastUses?.close();
  await watch?.stop();
  await replica?.close();
  await database?.close();
  await postgres?.stop();
}

/** Stops on a signal once the start is complete; a second signal exits at once. */
function stopOnSignal(started: Promise<void>, running: Running): void {
  let firstAt: number | undefined;
  const onSignal = async () => {
    if (firstAt !== undefined && performance.now() - firstAt < repeatedSignalMs) return;
    if (firstAt !== undefined) process.exit(1);
    firstAt = performance.now();
    await started;
    await stop(running).catch(fail);
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal);
  process.on('disconnect', onSignal);
  onLostShell(() => firstAt ?? onSignal());
}

/** npm signals the shell in between, and some shells exit without passing the signal on. */
function onLostShell(react: () => unknown): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const shell = process.ppid;
  setInterval(() => process.ppid === shell || react(), 100).unref();
}

async function fail(error: unknown): Promise<never> {
  // A StartupError shows only its message; anything else shows its stack.
  const text = error instanceof StartupError ? error.message : String((error as Error).stack ?? error);
  if (cluster.isWorker) await notifyPrimary({ failure: text });
  else process.stderr.write(`${text}\n`);
  process.exit(1);
}

async function main(): Promise<void> {
  const config = loadConfig();
  const running: Running = {};
  const several = config.processes > 1 && cluster.isPrimary;
  const started = (several ? startSeveral : start)(config, running).catch(async (error) => {
    await stop(running).catch(() => undefined);
    await fail(error);
  });
  stopOnSignal(started, running);
  await started;
}

main().catch(fail);
