import { invalidInput } from '../errors.ts';
import { builder } from '../graphql/builder.ts';
import type { DesiredCatalogue } from './file/rules.ts';
import { type Problem, type readYaml, sentenceOf } from './file/yaml-rules.ts';
import type { Finding } from './plan/finding-rules.ts';
import { detailsOf, isFinal, sentenceOf as sentenceOfFinding } from './plan/finding-rules.ts';
import { fingerprint, type PublishResult, preview, publish, pull } from './publish.ts';

const CatalogueFindingKind = builder.enumType('CatalogueFindingKind', {
  description: 'The effect of publishing on one difference.',
  values: {
    CHANGE: { description: 'Publishing makes this change.' },
    REFUSED: { description: 'The file asks for this change, but it is not possible.' },
    KEPT: { description: 'It is not in the file and stays unchanged.' },
  } as const,
});

const CatalogueFinding = builder.objectRef<Finding>('CatalogueFinding').implement({
  description: 'One difference between a file and the catalogue.',
  fields: (t) => ({
    kind: t.expose('kind', { type: CatalogueFindingKind, description: 'The effect of publishing.' }),
    message: t.string({
      description: 'The change, or why it is not made, as a sentence, and whom it concerns.',
      resolve: sentenceOfFinding,
    }),
    details: t.stringList({
      description: 'The content of a package that is created or published, in phrases; otherwise empty.',
      resolve: detailsOf,
    }),
    isFinal: t.boolean({
      description: 'Whether the change cannot be undone, because a package is published.',
      resolve: isFinal,
    }),
  }),
});

const CatalogueProblem = builder.objectRef<Problem>('CatalogueProblem').implement({
  description: 'An error in a catalogue file.',
  fields: (t) => ({
    line: t.exposeInt('line', {
      nullable: true,
      description: 'The line in the file, counted from 1; null for an error of the whole file.',
    }),
    column: t.exposeInt('column', { nullable: true, description: 'The column, counted from 1.' }),
    field: t.exposeString('field', {
      nullable: true,
      description: 'The field, such as `features.0.type`; null if there is none.',
    }),
    message: t.exposeString('message', { description: 'The error, as a phrase.' }),
  }),
});

interface CataloguePlan {
  problems: Problem[];
  findings: Finding[];
}

const CataloguePlan = builder.objectRef<CataloguePlan>('CataloguePlan').implement({
  description: 'The effect of publishing a file now.',
  fields: (t) => ({
    problems: t.field({
      type: [CatalogueProblem],
      description:
        'The errors in the file, at most 20, in the order of lines. If there are any, there is no plan.',
      resolve: ({ problems }) => problems,
    }),
    findings: t.field({
      type: [CatalogueFinding],
      description:
        'All differences between file and catalogue, in the order of execution; empty if they are equal.',
      resolve: ({ findings }) => findings,
    }),
    fingerprint: t.string({
      description:
        'The fingerprint of this plan. Pass it to publishCatalogue to publish exactly this plan or nothing.',
      resolve: ({ findings }, _args, { environmentId }) => fingerprint(findings, environmentId),
    }),
  }),
});

const PublishedCatalogue = builder.objectRef<PublishResult>('PublishedCatalogue').implement({
  description: 'The result of publishing a file.',
  fields: (t) => ({
    findings: t.field({
      type: [CatalogueFinding],
      description: 'The changes, the refused changes with reasons, and what the file omits and stays.',
      resolve: ({ findings }) => findings,
    }),
    yaml: t.string({
      description: 'The catalogue after publishing, in the format of the query catalogue.',
      resolve: ({ file }, _args, { environmentId, catalogueFiles, doHeavyWork }) =>
        doHeavyWork(environmentId, () => catalogueFiles.write(file)),
    }),
  }),
});

const yamlDescription =
  'Features and packages as YAML, in the format of the query catalogue. Omitted fields stay unchanged.';

builder.queryFields((t) => ({
  catalogue: t.string({
    description:
      'The features, drafts and published packages of this environment as YAML: the file of `kana pull`, without the time.',
    resolve: (_root, _args, { db, environmentId, catalogueFiles, doHeavyWork }) =>
      doHeavyWork(environmentId, async () => catalogueFiles.write(await pull(db, environmentId))),
  }),
  previewCatalogue: t.field({
    type: CataloguePlan,
    description: 'The effect of publishCatalogue with this file now. Nothing changes.',
    args: { yaml: t.arg.string({ required: true, description: yamlDescription }) },
    resolve: (_root, { yaml }, { db, environmentId, catalogueFiles, doHeavyWork }) =>
      doHeavyWork(environmentId, async () => {
        const read = await catalogueFiles.read(yaml);
        if ('problems' in read) return { problems: read.problems, findings: [] };
        return { problems: [], findings: await preview(db, environmentId, read.desired) };
      }),
  }),
}));

builder.mutationField('publishCatalogue', (t) =>
  t.field({
    type: PublishedCatalogue,
    description:
      'Applies a file to the catalogue, in one transaction. Nothing is deleted: omitted features and packages stay. Other content of a published package is published as its next version; subscribers stay on theirs. Name, prices and metadata change without one.',
    args: {
      yaml: t.arg.string({ required: true, description: yamlDescription }),
      partly: t.arg.boolean({
        required: true,
        defaultValue: false,
        description:
          'Whether to apply the possible changes if others are not possible. If false, an impossible change is an error and nothing is applied.',
      }),
      fingerprint: t.arg.string({
        description:
          'The fingerprint of a previewed plan. If the plan has changed since, the error is `CataloguePlanChangedError` and nothing is applied.',
      }),
    },
    resolve: (_root, { yaml, partly, fingerprint }, { db, author, catalogueFiles, doHeavyWork }) =>
      doHeavyWork(author.environmentId, async () => {
        const desired = requireReadable(await catalogueFiles.read(yaml));
        return publish(db, author, desired, { partly, expectedFingerprint: fingerprint ?? null });
      }),
  }),
);

function requireReadable(read: ReturnType<typeof readYaml>): DesiredCatalogue {
  if ('desired' in read) return read.desired;
  throw invalidInput('yaml', read.problems.map(sentenceOf).join('; '));
}
