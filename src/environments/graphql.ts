import { builder } from '../graphql/builder.ts';
import { parse } from '../input.ts';
import { updateEnvironment } from './change.ts';
import { defaultTimeZone, EnvironmentChange } from './rules.ts';

const Environment = builder.prismaObject('Environment', {
  description: 'The environment of the key: `test` or `live`.',
  fields: (t) => ({
    id: t.exposeString('id', { description: '`test` or `live`.' }),
    timeZone: t.string({
      description:
        'The IANA time zone of package features with `resetAnchor: CALENDAR` that name none. Default UTC.',
      resolve: ({ timeZone }) => timeZone ?? defaultTimeZone,
    }),
    requireUserToken: t.exposeBoolean('requireUserToken', {
      description:
        'Whether the client API and OFREP need a user token: then a public key with X-User-ID does not read.',
    }),
  }),
});

const UpdateEnvironmentInput = builder.inputType('UpdateEnvironmentInput', {
  description: 'The settings to change. An omitted field stays.',
  fields: (t) => ({
    timeZone: t.string({
      description:
        'An IANA time zone, such as "Europe/Berlin"; null is UTC. It counts for package features that are saved from now on.',
    }),
    requireUserToken: t.boolean({
      description:
        'Whether reading as a user needs a user token, so that a public key with X-User-ID is not enough. It counts within 5 seconds. Default false.',
    }),
  }),
});

builder.queryField('environment', (t) =>
  t.prismaField({
    type: Environment,
    description: 'The environment of the key, with its settings.',
    resolve: (query, _root, _args, { db, environmentId }) =>
      db.environment.findUniqueOrThrow({ ...query, where: { id: environmentId } }),
  }),
);

builder.mutationField('updateEnvironment', (t) =>
  t.prismaField({
    type: Environment,
    description: 'Changes settings of the environment.',
    args: {
      input: t.arg({ type: UpdateEnvironmentInput, required: true, description: 'The settings to change.' }),
    },
    resolve: async (query, _root, args, { db, environmentId, author }) => {
      await updateEnvironment(db, author, parse(EnvironmentChange, args.input, 'input'));
      return db.environment.findUniqueOrThrow({ ...query, where: { id: environmentId } });
    },
  }),
);
