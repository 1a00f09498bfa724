import { builder } from '../../graphql/builder.ts';
import { parse } from '../../input.ts';
import { SegmentEvent } from '../events/graphql.ts';
import { MappingRuleInput } from './graphql.ts';
import { maxExamined, type Preview, previewRule } from './preview.ts';
import { NewMappingRule } from './rules.ts';

const MappingRulePreview = builder.objectRef<Preview>('MappingRulePreview').implement({
  description: 'The unmatched events that a rule would match.',
  fields: (t) => ({
    matched: t.exposeInt('matched', { description: 'How many of the examined events it would match.' }),
    deltaUnusable: t.exposeInt('unusable', {
      description: 'How many more meet its conditions, but have no usable delta at its `deltaPath`.',
    }),
    examined: t.exposeInt('examined', {
      description: `How many unmatched events were examined, latest first, without events of other names. At most ${maxExamined}, and fewer if they are very large.`,
    }),
    complete: t.exposeBoolean('complete', {
      description: 'Whether all of them were examined. If not, the rule may match more.',
    }),
    sample: t.prismaField({
      type: [SegmentEvent],
      description: 'The latest matching events, at most 5.',
      resolve: (query, { sampleIds }, _args, { db, environmentId }) =>
        db.segmentEvent.findMany({
          ...query,
          where: { environmentId, messageId: { in: sampleIds } },
          orderBy: [{ receivedAt: 'desc' }, { messageId: 'desc' }],
        }),
    }),
  }),
});

builder.queryField('previewMappingRule', (t) =>
  t.field({
    type: MappingRulePreview,
    description: `Previews which of the latest ${maxExamined} unmatched events a rule would match. Changes nothing.`,
    args: {
      input: t.arg({ type: MappingRuleInput, required: true, description: 'The rule to preview.' }),
    },
    resolve: (_root, args, { db, environmentId }) =>
      previewRule(db, environmentId, parse(NewMappingRule, args.input, 'input')),
  }),
);
