import { invalidInput } from '../errors.ts';
import { builder } from '../graphql/builder.ts';
import type { Wishes } from './file/rules.ts';
import { type Problem, type readYaml, sentenceOf } from './file/yaml-rules.ts';
import type { Finding } from './plan/finding-rules.ts';
import { detailsOf, fingerprintOf, isFinal } from './plan/summary-rules.ts';
import { type Published, preview, publish, pull } from './publish.ts';

const CatalogueFindingKind = builder.enumType('CatalogueFindingKind', {
  description: 'What becomes of something that a file wishes, or does not mention.',
  values: {
    CHANGE: { description: 'It is done.' },
    REFUSED: { description: 'It is wished for and cannot be done.' },
    KEPT: { description: 'It is not in the file, and stays as it is.' },
  } as const,
});

const CatalogueFinding = builder.objectRef<Finding>('CatalogueFinding').implement({
  description: 'One thing in which a file and the catalogue differ.',
  fields: (t) => ({
    kind: t.expose('kind', { type: CatalogueFindingKind, description: 'What becomes of it.' }),
    message: t.exposeString('message', { description: 'What is done, or why it is not, as a sentence.' }),
    details: t.stringList({
      description: 'What a package that is made or published holds, in phrases; else empty.',
      resolve: detailsOf,
    }),
    isFinal: t.boolean({
      description: 'Whether it cannot be undone, as a package is published.',
      resolve: isFinal,
    }),
  }),
});

const CatalogueProblem = builder.objectRef<Problem>('CatalogueProblem').implement({
  description: 'Something in a file that makes it no catalogue.',
  fields: (t) => ({
    line: t.exposeInt('line', {
      nullable: true,
      description: 'The line of the file, counted from 1; null where it is about the whole file.',
    }),
    column: t.exposeInt('column', { nullable: true, description: 'The column, counted from 1.' }),
    field: t.exposeString('field', {
      nullable: true,
      description: 'The field, such as `features.0.type`; null where it is about none.',
    }),
    message: t.exposeString('message', { description: 'What is wrong.' }),
  }),
});

interface CataloguePlan {
  problems: Problem[];
  findings: Finding[];
}

const CataloguePlan = builder.objectRef<CataloguePlan>('CataloguePlan').implement({
  description: 'What publishing a file would do now.',
  fields: (t) => ({
    problems: t.field({
      type: [CatalogueProblem],
      description:
        'What is wrong with the file, up to 20 problems in the order of its lines. If there are any, nothing was planned.',
      resolve: ({ problems }) => problems,
    }),
    findings: t.field({
      type: [CatalogueFinding],
      description:
        'Everything in which file and catalogue differ, in the order in which it would be done; empty if they agree.',
      resolve: ({ findings }) => findings,
    }),
    fingerprint: t.string({
      description: 'Names this plan: publishCatalogue takes it and does exactly this, or nothing.',
      resolve: ({ findings }) => fingerprintOf(findings),
    }),
  }),
});

const PublishedCatalogue = builder.objectRef<Published>('PublishedCatalogue').implement({
  description: 'What publishing a file came to.',
  fields: (t) => ({
    findings: t.field({
      type: [CatalogueFinding],
      description: 'What was done, what was not and why, and what stays though the file leaves it out.',
      resolve: ({ findings }) => findings,
    }),
    yaml: t.string({
      description: 'The catalogue as it is now, as the query catalogue answers it.',
      resolve: ({ file }, _args, { environmentId, catalogueFiles, doHeavyWork }) =>
        doHeavyWork(environmentId, () => catalogueFiles.write(file)),
    }),
  }),
});

const yamlDescription =
  'Features and packages as YAML, as the query catalogue answers them. A field that is left out stays as it is.';

builder.queryFields((t) => ({
  catalogue: t.string({
    description:
      'The features, the drafts and the published packages of this environment as YAML: the file that `kana pull` writes, without the time.',
    resolve: (_root, _args, { db, environmentId, catalogueFiles, doHeavyWork }) =>
      doHeavyWork(environmentId, async () => catalogueFiles.write(await pull(db, environmentId))),
  }),
  previewCatalogue: t.field({
    type: CataloguePlan,
    description: 'What publishCatalogue would do with this file now. Nothing changes.',
    args: { yaml: t.arg.string({ required: true, description: yamlDescription }) },
    resolve: (_root, { yaml }, { db, environmentId, catalogueFiles, doHeavyWork }) =>
      doHeavyWork(environmentId, async () => {
        const read = await catalogueFiles.read(yaml);
        if ('problems' in read) return { problems: read.problems, findings: [] };
        return { problems: [], findings: await preview(db, environmentId, read.wishes) };
      }),
  }),
}));

builder.mutationField('publishCatalogue', (t) =>
  t.field({
    type: PublishedCatalogue,
    description:
      'Makes the catalogue what a file says, in one transaction. It never deletes anything: what the file leaves out stays, and what is published no longer changes but for prices and metadata. Publishing a package cannot be undone.',
    args: {
      yaml: t.arg.string({ required: true, description: yamlDescription }),
      partly: t.arg.boolean({
        required: true,
        defaultValue: false,
        description:
          'Whether to do what can be done although something cannot be. Otherwise that is an error, and nothing is done.',
      }),
      fingerprint: t.arg.string({
        description:
          'Of the plan that somebody has seen. If publishing would do anything else by now, it is a `CataloguePlanChangedError`, and nothing is done.',
      }),
    },
    resolve: (_root, { yaml, partly, fingerprint }, { db, author, catalogueFiles, doHeavyWork }) =>
      doHeavyWork(author.environmentId, async () => {
        const wishes = wishesOf(await catalogueFiles.read(yaml));
        return publish(db, author, wishes, new Date(), { partly, agreed: fingerprint ?? null });
      }),
  }),
);

function wishesOf(read: ReturnType<typeof readYaml>): Wishes {
  if ('wishes' in read) return read.wishes;
  throw invalidInput('yaml', read.problems.map(sentenceOf).join('; '));
}
