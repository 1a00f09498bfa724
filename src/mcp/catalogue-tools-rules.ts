import { z } from 'zod';
import { FeatureId } from './read-tools-rules.ts';
import type { Data, WriteTool } from './tool-rules.ts';

/* Tools that change what is sold, and how events become usage. */

const ruleFields = 'id name eventName conditions { path equals } deltaPath feature { id } backfill { state }';

export const catalogueTools: readonly WriteTool[] = [
  {
    name: 'publish_catalogue',
    title: 'Publish a catalogue',
    description:
      'Creates and changes features and packages from a YAML file, in one transaction. Nothing is deleted. Other content of a published package becomes its next version; subscribers stay on theirs. Start with get_catalogue.',
    input: z.strictObject({
      yaml: z.string().describe('Features and packages, in the format of get_catalogue.'),
      partly: z
        .boolean()
        .default(false)
        .describe('Whether to apply what is possible if some changes are not.'),
    }),
    isDestructive: true,
    preview: {
      document: `query ($yaml: String!) { previewCatalogue(yaml: $yaml) {
        fingerprint findings { kind message details isFinal } problems { line column field message } } }`,
      variables: ({ yaml }) => ({ yaml }),
      plan({ previewCatalogue: { fingerprint, findings, problems } }, { partly }) {
        const of = (kind: string): Data[] => findings.filter((each: Data) => each.kind === kind);
        const isStopped = of('REFUSED').length > 0 && partly !== true;
        return {
          changes: of('CHANGE').map(sentence),
          warnings: [
            ...problems.map(({ line, message }: Data) => `Line ${line ?? '?'}: ${message}.`),
            ...(isStopped ? ['Nothing can be applied without `partly`: some of it is not possible.'] : []),
            ...of('REFUSED').map(({ message }) => `Not possible: ${message}`),
            ...of('CHANGE')
              .filter(({ isFinal }) => isFinal)
              .map(({ message }) => `It cannot be undone: ${message}`),
          ],
          before: { kept: of('KEPT').map(({ message }) => message) },
          basis: fingerprint,
        };
      },
    },
    apply: {
      document: `mutation ($yaml: String!, $partly: Boolean!, $fingerprint: String) {
        publishCatalogue(yaml: $yaml, partly: $partly, fingerprint: $fingerprint) { yaml findings { kind message } } }`,
      variables: (args, { previewed: { previewCatalogue } }) => ({
        ...args,
        fingerprint: previewCatalogue.fingerprint,
      }),
      answer: ({ publishCatalogue }) => publishCatalogue,
    },
  },
  {
    name: 'create_mapping_rule',
    title: 'Create a mapping rule',
    description:
      'Creates a rule that turns Segment track events into usage of a feature: new ones at once, and stored unmatched ones in the background. Name an event, conditions on properties, or both.',
    input: z.strictObject({
      name: z.string().describe('For people.'),
      featureId: FeatureId.describe('The id of a CONSUMABLE feature.'),
      eventName: z.string().optional().describe('The name of the event.'),
      conditions: z
        .array(
          z.strictObject({ path: z.string().describe('Such as `properties.plan`.'), equals: z.string() }),
        )
        .max(10)
        .optional(),
      deltaPath: z.string().optional().describe('The property whose number is the amount; by default 1.'),
    }),
    preview: {
      document: `query ($input: MappingRuleInput!) {
        previewMappingRule(input: $input) {
          examined matched deltaUnusable complete sample { messageId eventName userId delta timestamp } }
        mappingRules(first: 1000) { id }
      }`,
      variables: (input) => ({ input }),
      plan({ previewMappingRule: found, mappingRules }, { name, featureId }) {
        const most = found.complete ? '' : ' at least';
        return {
          changes: [
            `The rule "${name}" records usage of "${featureId}". It matches${most} ${found.matched} of ${found.examined} stored unmatched events.`,
          ],
          warnings:
            found.deltaUnusable === 0
              ? []
              : [`${found.deltaUnusable} of them hold no usable amount at deltaPath.`],
          before: found,
          // Events go on arriving. Other rules are what decides.
          basis: mappingRules,
        };
      },
    },
    apply: {
      document: `mutation ($input: MappingRuleInput!) { createMappingRule(input: $input) { ${ruleFields} } }`,
      variables: (input) => ({ input }),
      answer: ({ createMappingRule }) => createMappingRule,
    },
  },
];

const sentence = ({ message, details }: Data): string => [message, ...details].join(' ');
