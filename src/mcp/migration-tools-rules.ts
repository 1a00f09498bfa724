import { z } from 'zod';
import { Instant, PackageId, subscriptionFields, UserId } from './read-tools-rules.ts';
import type { Arguments, Data, ReadTool, WriteTool } from './tool-rules.ts';

/* Tools that change the subscriptions of many users. */

const migrationFields = `id state problem at usage fromPackageId fromVersion toPackageId toVersion
  total examined moved skipped failed createdAt finishedAt`;

const MigrationId = z.string().describe('The id of a migration.');

/** Each user of a list as a field of its own: an unknown one is an error that names it. */
const fieldOf = (index: number) => `user${index}`;

const listOf = (args: Arguments) => args.userIds as string[];

const packagesOf = ({ fromPackageId, fromVersion, toPackageId, toVersion }: Data) =>
  `from "${fromPackageId}" ${fromVersion === null ? 'of every version' : `version ${fromVersion}`} to "${toPackageId}" version ${toVersion}`;

export const migrationReadTools: readonly ReadTool[] = [
  {
    name: 'list_migrations',
    title: 'List migrations',
    description:
      'Migrations of subscribers to another package or version, newest first: how far each is, and whom it did not move.',
    input: z.strictObject({
      first: z.int().min(1).max(50).default(10).describe('At most this many.'),
      after: z.string().optional().describe('The id of the last item of the page before.'),
    }),
    document: `query ($first: Int, $after: String) {
      migrations(first: $first, after: $after) { ${migrationFields} problems(first: 20) { userId outcome reason } } }`,
  },
];

export const migrationTools: readonly WriteTool[] = [
  {
    name: 'migrate_subscribers',
    title: 'Move subscribers to another package or version',
    description:
      'Moves the present subscribers of a package, or of one version of it, to another package or version, in the background. Follow it with list_migrations.',
    input: z.strictObject({
      fromPackageId: PackageId.describe('The package before.'),
      fromVersion: z
        .int()
        .optional()
        .describe('Only subscribers of this version; by default of every version.'),
      toPackageId: PackageId.describe('A published package, which may be the same one.'),
      toVersion: z.int().optional().describe('A published version of it; by default the current one.'),
      usage: z
        .enum(['RESET', 'CARRY'])
        .optional()
        .describe('Whether the usage of the running windows is carried over, as by default, or starts anew.'),
      at: z
        .enum(['NOW', 'PERIOD_END'])
        .optional()
        .describe('Now, as by default, or each at the end of the period.'),
      userIds: z
        .array(UserId)
        .min(1)
        .max(1000)
        .optional()
        .describe('Only these users; by default all subscribers.'),
    }),
    isDestructive: true,
    preview: {
      document: `query ($input: MigrateSubscribersInput!) { previewMigration(input: $input) {
        fromPackageId fromVersion toPackageId toVersion total moving skipped skippedUsers { userId reason }
        overLimit overLimitUsers { userId featureId used limit overageEnabled }
        endingAddons { packageId count } }
        migrations(first: 1) { id } }`,
      variables: (input) => ({ input }),
      plan({ previewMigration: preview, migrations }, { at, usage }) {
        return {
          changes: [
            `${preview.moving} of ${preview.total} subscribers move ${packagesOf(preview)}, ${at === 'PERIOD_END' ? 'each at the end of the running period' : 'now'}. Usage: ${usage ?? 'CARRY'}.`,
            ...preview.endingAddons.map(
              ({ packageId, count }: Data) => `${count} subscriptions to the add-on "${packageId}" end.`,
            ),
          ],
          warnings: [
            ...(preview.skipped > 0 ? [`${preview.skipped} are not moved: see skippedUsers.`] : []),
            ...(preview.overLimit > 0
              ? [`${preview.overLimit} have used more than the new package allows: see overLimitUsers.`]
              : []),
          ],
          before: preview,
          // A migration that was stopped leaves what it did not move: one fingerprint must not start another.
          basis: { preview, migrations },
        };
      },
    },
    apply: {
      document: `mutation ($input: MigrateSubscribersInput!) { migrateSubscribers(input: $input) { ${migrationFields} } }`,
      variables: (input) => ({ input }),
      answer: ({ migrateSubscribers }) => migrateSubscribers,
    },
  },
  {
    name: 'stop_migration',
    title: 'Stop a migration',
    description: 'Stops a migration of subscribers that runs. Who was moved stays moved.',
    input: z.strictObject({ migrationId: MigrationId }),
    isDestructive: true,
    preview: {
      document: `query ($migrationId: String!) { migration(id: $migrationId) { ${migrationFields} } }`,
      plan({ migration }) {
        const { id, state, fromPackageId, toPackageId } = migration;
        return {
          changes: [`The migration ${id} ${packagesOf(migration)} stops: nobody is moved after this.`],
          warnings: state === 'RUNNING' ? [] : [`It does not run: it is ${state}, and stays so.`],
          before: migration,
          // How many are moved goes on changing.
          basis: { id, state, fromPackageId, toPackageId },
        };
      },
    },
    apply: {
      document: `mutation ($migrationId: String!) { stopMigration(id: $migrationId) { ${migrationFields} } }`,
      answer: ({ stopMigration }) => stopMigration,
    },
  },
  {
    name: 'subscribe_users',
    title: 'Subscribe several users',
    description:
      'Subscribes several users to the same packages, each on its own: the error of one does not affect the others.',
    input: z.strictObject({
      userIds: z.array(UserId).min(1).max(50),
      packageIds: z.array(PackageId).min(1).max(10),
      startsAt: Instant.optional().describe('The start, in ISO 8601; by default now.'),
      trialEndsAt: Instant.optional().describe('A trial until then, in ISO 8601.'),
      afterTrialPackageId: PackageId.optional().describe('The base package after the trial.'),
    }),
    preview: {
      document(args) {
        const users = listOf(args).map((_id, index) => fieldOf(index));
        return `query (${users.map((name) => `$${name}: String!`).join(', ')}) {
          ${users.map((name) => `${name}: subscriptions(userId: $${name}, first: 100) { ${subscriptionFields} }`).join('\n')}
          packages(first: 1000) { id name status version isAddon } }`;
      },
      variables: (args) => Object.fromEntries(listOf(args).map((id, index) => [fieldOf(index), id])),
      plan({ packages, ...subscriptions }, args) {
        const wanted = args.packageIds as string[];
        const found = packages.filter(({ id }: Data) => wanted.includes(id));
        const ids = new Set(found.map(({ id }: Data) => id));
        const users = listOf(args).map((userId, index) => ({
          userId,
          subscriptions: subscriptions[fieldOf(index)].filter(
            ({ status }: Data) => !['CANCELLED', 'INCOMPLETE_EXPIRED'].includes(status),
          ),
        }));
        const named = wanted.map((id) => `"${id}"`).join(', ');
        const from = `from ${args.startsAt ?? 'now'} on${args.trialEndsAt === undefined ? '' : `, on trial until ${args.trialEndsAt}`}`;
        return {
          changes: users.map(({ userId }) => `The user "${userId}" is subscribed to ${named}, ${from}.`),
          warnings: [
            ...wanted.filter((id) => !ids.has(id)).map((id) => `There is no published package "${id}".`),
            ...users
              .filter((user) => user.subscriptions.length > 0)
              .map(
                ({ userId, subscriptions: held }) =>
                  `The user "${userId}" has ${held.map((each: Data) => `"${each.package.id}"`).join(', ')} already.`,
              ),
          ],
          before: { users, packages: found },
        };
      },
    },
    apply: {
      document: `mutation ($input: [SubscribeUserInput!]!) {
        subscribeUsers(input: $input) { subscriptions { ${subscriptionFields} } error { code message } } }`,
      variables: ({ userIds, ...terms }) => ({
        input: (userIds as string[]).map((userId) => ({ userId, ...terms })),
      }),
      answer: ({ subscribeUsers }) => ({ results: subscribeUsers }),
    },
  },
];
