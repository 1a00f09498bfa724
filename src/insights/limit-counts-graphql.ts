import { queryFromInfo } from '@pothos/plugin-prisma';
import { builder } from '../graphql/builder.ts';
import { parse } from '../input.ts';
import { Package } from '../packages/graphql.ts';
import { countNearLimits } from './limit-counts-store.ts';
import { Percent } from './span-rules.ts';
import { asOfWords } from './standings/graphql.ts';
import { readStandings } from './standings/stored-store.ts';

interface PackageRow {
  package: typeof Package.$inferType;
  near: number;
  reached: number;
}

const PackageLimitCounts = builder.objectRef<PackageRow>('PackageLimitCounts').implement({
  description: 'How many users are near a limit that a package gives them.',
  fields: (t) => ({
    package: t.expose('package', { type: Package, description: 'The package.' }),
    near: t.exposeInt('near', { description: 'Users who have used `percent` of such a limit, or more.' }),
    reached: t.exposeInt('reached', { description: 'Those of them who get no more until it resets.' }),
  }),
});

interface Counts {
  near: number;
  reached: number;
  packages: PackageRow[];
  asOf: Date;
}

const LimitCounts = builder.objectRef<Counts>('LimitCounts').implement({
  description: 'How many users are near a limit in the current window.',
  fields: (t) => ({
    near: t.exposeInt('near', { description: 'Users who have used `percent` of a limit, or more.' }),
    reached: t.exposeInt('reached', {
      description: 'Those of them who get no more of something until it resets.',
    }),
    packages: t.expose('packages', {
      type: [PackageLimitCounts],
      description: 'The same by the package whose limit it is, most users first: which package is too small.',
    }),
    asOf: t.expose('asOf', { type: 'DateTime', description: asOfWords }),
  }),
});

builder.queryField('limitCounts', (t) =>
  t.field({
    type: LimitCounts,
    description: 'How many users are near a limit or blocked by one, in all and by package.',
    args: {
      percent: t.arg.int({
        defaultValue: 80,
        description: 'What counts as near: the part of the limit in percent, 1 to 100.',
      }),
    },
    resolve: async (_root, args, context, info): Promise<Counts> => {
      const { db, environmentId, readLong } = context;
      const percent = parse(Percent.max(100, 'must be at most 100'), args.percent ?? 80, 'percent');
      const standings = await readStandings(db, environmentId);
      const { near, reached, packages } = await readLong(() =>
        countNearLimits(db, standings, environmentId, percent),
      );
      const found = await db.package.findMany({
        ...queryFromInfo({ context, info, path: ['packages', 'package'] }),
        where: { environmentId, id: { in: packages.map(({ packageId }) => packageId) } },
      });
      const byId = new Map(found.map((each) => [each.id, each]));
      return {
        near,
        reached,
        asOf: standings.asOf,
        packages: packages.flatMap(({ packageId, ...counts }) => {
          const its = byId.get(packageId);
          return its === undefined ? [] : [{ package: its, ...counts }];
        }),
      };
    },
  }),
);
