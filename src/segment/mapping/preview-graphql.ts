import { builder } from '../../graphql/builder.ts';
import { parse } from '../../input.ts';
import { SegmentEvent } from '../events/graphql.ts';
import { MappingRuleInput } from './graphql.ts';
import { maxExamined, type Preview, previewRule } from './preview.ts';
import { NewMappingRule } from './rules.ts';

const MappingRulePreview = builder.objectRef<Preview>('MappingRulePreview').implement({
  description: 'What a rule would claim of the stored events that nothing has claimed yet.',
  fields: (t) => ({
    matched: t.exposeInt('matched', { description: 'How many of the examined events it would claim.' }),
    deltaUnusable: t.exposeInt('unusable', {
      description: 'How many of them match besides, but have no usable delta at its `deltaPath`.',
    }),
    examined: t.exposeInt('examined', {
      description: `How many unmatched events were looked at, the latest first; those of other names are not counted. At most ${maxExamined}, and fewer when they are very large.`,
    }),
    complete: t.exposeBoolean('complete', {
      description: 'Whether that is all of them. If not, the rule may claim more.',
    }),
    sample: t.prismaField({
      type: [SegmentEvent],
      description: 'The latest of them, at most 5.',
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
    description: `What a rule would claim if it were made now, of the latest ${maxExamined} events that nothing has claimed. Nothing changes.`,
    args: {
      input: t.arg({ type: MappingRuleInput, required: true, description: 'What the rule would say.' }),
    },
    resolve: (_root, args, { db, environmentId }) =>
      previewRule(db, environmentId, parse(NewMappingRule, args.input, 'input')),
  }),
);
