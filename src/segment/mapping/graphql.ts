import type { MappingRule as MappingRuleRow } from '../../database/generated/client.ts';
import { builder } from '../../graphql/builder.ts';
import { listArgs, listPage } from '../../graphql/list.ts';
import { Id, parse } from '../../input.ts';
import { createRule, deleteRule, updateRule } from './change.ts';
import { type Condition, NewMappingRule } from './rules.ts';

const BackfillState = builder.enumType('BackfillState', {
  description: 'How far a rule has been applied to the events that were stored before it.',
  values: {
    PENDING: { description: 'Not begun: rules that are older come first.' },
    RUNNING: { description: 'Begun.' },
    DONE: {
      description:
        'Every event that was stored before the rule is examined, and all that it claimed is recorded, or waits for its user.',
    },
  } as const,
});

type Progress = Pick<MappingRuleRow, 'backfill' | 'examined' | 'matched'>;

const Backfill = builder.objectRef<Progress>('Backfill').implement({
  description:
    'How far a rule has been applied to the events that were stored before it, or before its last edit.',
  fields: (t) => ({
    state: t.field({
      type: BackfillState,
      description: 'Whether it is waiting, running or done.',
      resolve: ({ backfill }) => backfill,
    }),
    examined: t.exposeInt('examined', { description: 'How many unmatched events were looked at.' }),
    matched: t.exposeInt('matched', { description: 'How many of them the rule has claimed.' }),
  }),
});

const MappingCondition = builder.objectRef<Condition>('MappingCondition').implement({
  description: 'What must be at a path of an event’s properties.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'Where, with dots between nested names.' }),
    equals: t.exposeString('equals', { description: 'What must be there, as text: 5 equals "5".' }),
  }),
});

export const MappingRule = builder.prismaObject('MappingRule', {
  description: 'Says which track events are usage of which feature. All of its conditions must hold.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'Made by the server; opaque.' }),
    name: t.exposeString('name', { description: 'What people call it.' }),
    feature: t.relation('feature', { description: 'The feature that matching events are usage of.' }),
    deltaPath: t.exposeString('deltaPath', {
      nullable: true,
      description:
        'Where among the properties the delta stands, with dots between nested names; null counts 1.',
    }),
    eventName: t.exposeString('eventName', {
      nullable: true,
      description: 'What the event must be called; null if any name will do.',
    }),
    conditions: t.field({
      type: [MappingCondition],
      description: 'What must be among the properties of the event.',
      select: { conditions: true },
      // Written by us, from input that was read by the rules.
      resolve: ({ conditions }) => conditions as unknown as Condition[],
    }),
    backfill: t.field({
      type: Backfill,
      description: 'How far it has been applied to the events that were stored before.',
      select: { backfill: true, examined: true, matched: true },
      resolve: (rule) => rule,
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'When it was made. Of several rules that match an event, the oldest counts.',
    }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was last edited.' }),
  }),
});

const MappingConditionInput = builder.inputType('MappingConditionInput', {
  description: 'What must be at a path of an event’s properties.',
  fields: (t) => ({
    path: t.string({ required: true, description: 'Where, with dots between nested names: "object.name".' }),
    equals: t.string({
      required: true,
      description: 'What must be there, as text: 5 equals "5", true equals "true".',
    }),
  }),
});

export const MappingRuleInput = builder.inputType('MappingRuleInput', {
  description: 'What a rule says. It needs an event name or a condition.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What people call it.' }),
    featureId: t.string({ required: true, description: 'The id of a CONSUMABLE feature.' }),
    eventName: t.string({ description: 'What the event must be called.' }),
    conditions: t.field({
      type: [MappingConditionInput],
      description: 'What must be among its properties; up to 20, and all must hold.',
    }),
    deltaPath: t.string({
      description:
        'Where among the properties the delta stands, with dots between nested names: "call.minutes". Without it, each event counts 1. An event without an integer there is DELTA_UNUSABLE, and waits for a better rule.',
    }),
  }),
});

const DeletedMappingRule = builder.objectRef<{ id: string }>('DeletedMappingRule').implement({
  description: 'A rule that is no more.',
  fields: (t) => ({ id: t.exposeString('id', { description: 'The id that it had.' }) }),
});

builder.queryFields((t) => ({
  mappingRules: t.prismaField({
    type: [MappingRule],
    description: 'All mapping rules, the oldest first.',
    args: listArgs,
    resolve: (query, _root, args, { db, environmentId }) =>
      listPage(
        args,
        (id) => db.mappingRule.findUnique({ where: { environmentId_id: { environmentId, id } } }),
        ({ where, ...page }) =>
          db.mappingRule.findMany({ ...query, ...page, where: { ...where, environmentId } }),
      ),
  }),
}));

const inputArg = { type: MappingRuleInput, required: true, description: 'What the rule says.' } as const;
const idArg = { required: true, description: 'The id of the rule.' } as const;

builder.mutationFields((t) => ({
  createMappingRule: t.prismaField({
    type: MappingRule,
    description:
      'Makes a rule. It decides events from now on, and in the background those that are stored and unmatched. `FeatureNotFoundError` when the feature is unknown.',
    args: { input: t.arg(inputArg) },
    resolve: async (query, _root, args, { db, environmentId, author }) => {
      const id = await createRule(db, author, parse(NewMappingRule, args.input, 'input'));
      return db.mappingRule.findUniqueOrThrow({
        ...query,
        where: { environmentId_id: { environmentId, id } },
      });
    },
  }),
  updateMappingRule: t.prismaField({
    type: MappingRule,
    description:
      'Replaces what a rule says, and applies it anew to the stored events that are unmatched. What it has recorded stays. `MappingRuleNotFoundError` when there is none with this id.',
    args: { id: t.arg.string(idArg), input: t.arg(inputArg) },
    resolve: async (query, _root, args, { db, environmentId, author }) => {
      const id = parse(Id, args.id, 'id');
      await updateRule(db, author, id, parse(NewMappingRule, args.input, 'input'));
      return db.mappingRule.findUniqueOrThrow({
        ...query,
        where: { environmentId_id: { environmentId, id } },
      });
    },
  }),
  deleteMappingRule: t.field({
    type: DeletedMappingRule,
    description:
      'Deletes a rule. What it has recorded stays. `MappingRuleNotFoundError` when there is none with this id.',
    args: { id: t.arg.string(idArg) },
    resolve: async (_root, args, { db, author }) => ({
      id: await deleteRule(db, author, parse(Id, args.id, 'id')),
    }),
  }),
}));
