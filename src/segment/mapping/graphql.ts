import type { MappingRule as MappingRuleRow } from '../../database/generated/client.ts';
import { settledUntil } from '../../database/settled.ts';
import { builder } from '../../graphql/builder.ts';
import { listArgs, listPage } from '../../graphql/list.ts';
import { Id, parse } from '../../input.ts';
import { createRule, deleteRule, updateRule } from './change.ts';
import { type Condition, NewMappingRule } from './rules.ts';

const BackfillState = builder.enumType('BackfillState', {
  description: 'The state of a backfill.',
  values: {
    PENDING: { description: 'Not started: older rules are applied first.' },
    RUNNING: { description: 'Started.' },
    DONE: {
      description:
        'All events stored before the rule are examined. Usage of matching events is recorded, or waits for its user.',
    },
  } as const,
});

type Progress = Pick<MappingRuleRow, 'backfill' | 'examined' | 'matched'>;

const Backfill = builder.objectRef<Progress>('Backfill').implement({
  description: 'The progress of applying a rule to the events that were stored before it was made or edited.',
  fields: (t) => ({
    state: t.field({
      type: BackfillState,
      description: 'Whether it is pending, running or done.',
      resolve: ({ backfill }) => backfill,
    }),
    examined: t.exposeInt('examined', { description: 'How many unmatched events were examined.' }),
    matched: t.exposeInt('matched', {
      description: 'How many of them the rule matches, with a usable delta.',
    }),
  }),
});

const MappingCondition = builder.objectRef<Condition>('MappingCondition').implement({
  description: 'A value that an event must have at a path of its properties.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'The path, with dots between nested names.' }),
    equals: t.exposeString('equals', { description: 'The value, compared as text: 5 equals "5".' }),
  }),
});

export const MappingRule = builder.prismaObject('MappingRule', {
  description: 'Maps track events to usage of a feature. An event matches if it meets all conditions.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'An opaque id, made by the server.' }),
    name: t.exposeString('name', { description: 'The name for people.' }),
    feature: t.relation('feature', { description: 'The feature whose usage matching events are.' }),
    deltaPath: t.exposeString('deltaPath', {
      nullable: true,
      description:
        'The path of the delta in the properties, with dots between nested names. Null: each event counts 1.',
    }),
    eventName: t.exposeString('eventName', {
      nullable: true,
      description: 'The name that the event must have; null for any name.',
    }),
    conditions: t.field({
      type: [MappingCondition],
      description: 'Conditions on the properties of the event.',
      select: { conditions: true },
      // Stored from input that NewMappingRule has validated.
      resolve: ({ conditions }) => conditions as unknown as Condition[],
    }),
    backfill: t.field({
      type: Backfill,
      description: 'The progress of applying it to stored events.',
      select: { backfill: true, examined: true, matched: true },
      resolve: (rule) => rule,
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'When it was made. If several rules match an event, the oldest counts.',
    }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was last edited.' }),
  }),
});

const MappingConditionInput = builder.inputType('MappingConditionInput', {
  description: 'A value that an event must have at a path of its properties.',
  fields: (t) => ({
    path: t.string({
      required: true,
      description: 'The path, with dots between nested names: "object.name".',
    }),
    equals: t.string({
      required: true,
      description: 'The value, compared as text: 5 equals "5", true equals "true".',
    }),
  }),
});

export const MappingRuleInput = builder.inputType('MappingRuleInput', {
  description: 'The fields of a rule. It needs an event name or a condition.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'The name for people.' }),
    featureId: t.string({ required: true, description: 'The id of a CONSUMABLE feature.' }),
    eventName: t.string({ description: 'The name that the event must have.' }),
    conditions: t.field({
      type: [MappingConditionInput],
      description: 'Conditions on its properties, up to 20. All must be met.',
    }),
    deltaPath: t.string({
      description:
        'The path of the delta in the properties, with dots between nested names: "call.minutes". Without it, each event counts 1. An event without an amount of the feature there is DELTA_UNUSABLE and waits for a better rule.',
    }),
  }),
});

const DeletedMappingRule = builder.objectRef<{ id: string }>('DeletedMappingRule').implement({
  description: 'A deleted rule.',
  fields: (t) => ({ id: t.exposeString('id', { description: 'Its id.' }) }),
});

builder.queryFields((t) => ({
  mappingRules: t.prismaField({
    type: [MappingRule],
    description: 'All mapping rules, oldest first.',
    args: listArgs,
    resolve: (query, _root, args, { db, environmentId }) =>
      listPage(
        args,
        (id) => db.mappingRule.findUnique({ where: { environmentId_id: { environmentId, id } } }),
        ({ where, ...page }) =>
          db.mappingRule.findMany({ ...query, ...page, where: { ...where, environmentId } }),
        () => settledUntil(db, 'mapping_rule'),
      ),
  }),
}));

const inputArg = { type: MappingRuleInput, required: true, description: 'The fields of the rule.' } as const;
const idArg = { required: true, description: 'The id of the rule.' } as const;

builder.mutationFields((t) => ({
  createMappingRule: t.prismaField({
    type: MappingRule,
    description:
      'Creates a rule. It applies to new events at once, and to stored unmatched events in the background. `FeatureNotFoundError` if the feature is unknown.',
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
      'Replaces the fields of a rule, and applies it to the stored unmatched events again. Recorded usage stays. `MappingRuleNotFoundError` if there is no rule with this id.',
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
      'Deletes a rule. Recorded usage stays. `MappingRuleNotFoundError` if there is no rule with this id.',
    args: { id: t.arg.string(idArg) },
    resolve: async (_root, args, { db, author }) => ({
      id: await deleteRule(db, author, parse(Id, args.id, 'id')),
    }),
  }),
}));
