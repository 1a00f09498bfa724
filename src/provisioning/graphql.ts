import { builder } from '../graphql/builder.ts';
import { type RemovedDemo, removeDemoData } from './remove-demo.ts';

const KeptDemo = builder.objectRef<RemovedDemo['kept'][number]>('KeptDemoData').implement({
  description: 'A part of the demo data that stays.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'The id of the user, package or feature.' }),
    reason: t.exposeString('reason', { description: 'Where it is used, for people.' }),
  }),
});

const Removed = builder.objectRef<RemovedDemo>('RemovedDemoData').implement({
  description: 'What was removed of the demo data, by ids.',
  fields: (t) => ({
    userIds: t.exposeStringList('userIds', { description: 'The users.' }),
    packageIds: t.exposeStringList('packageIds', { description: 'The packages.' }),
    featureIds: t.exposeStringList('featureIds', { description: 'The features.' }),
    kept: t.expose('kept', {
      type: [KeptDemo],
      description: 'What stays, because something of your own uses it.',
    }),
  }),
});

builder.mutationField('removeDemoData', (t) =>
  t.field({
    type: Removed,
    description:
      'Removes the demo data that the first start made in the test environment: the user with all usage, and the packages and features that nothing of your own uses. What you made yourself stays. A later start does not make it again. Without demo data it removes nothing.',
    resolve: (_root, _args, { db, author, deletePerson }) => removeDemoData(db, author, deletePerson),
  }),
);
