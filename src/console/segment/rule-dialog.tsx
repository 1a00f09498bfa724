import { ActionIcon, Alert, Button, Code, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue, useDisclosure } from '@mantine/hooks';
import { IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import {
  ChoicesDocument,
  CreateMappingRuleDocument,
  type MappingRuleInput,
  PreviewRuleDocument,
  UpdateMappingRuleDocument,
} from '../generated/operations.ts';
import { FormDialog } from '../parts/dialog.tsx';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { useRefusal } from '../parts/permission.tsx';
import { guessFeature } from './guess.ts';

/** A rule in the form; an empty event name means any name. */
export interface RuleDraft {
  name: string;
  featureId: string;
  eventName: string;
  conditions: { path: string; equals: string }[];
  /** Where the delta stands; without it each event counts 1. */
  deltaPath?: string | null;
}

const inputOf = ({ name, featureId, eventName, conditions, deltaPath }: RuleDraft): MappingRuleInput => ({
  name,
  featureId,
  eventName: eventName || null,
  conditions,
  deltaPath: deltaPath || null,
});

/** A button that creates or edits a rule. */
export function RuleButton(props: { label: string; about?: string; id?: string; start: RuleDraft }) {
  const { label, about, id, start } = props;
  const [opened, { open, close }] = useDisclosure();
  const refusal = useRefusal();
  return (
    <>
      <Button
        variant={about === undefined ? 'default' : 'subtle'}
        size={about === undefined ? 'xs' : 'compact-sm'}
        disabled={refusal !== null}
        title={refusal ?? undefined}
        aria-label={about === undefined ? undefined : `${label}: ${about}`}
        onClick={open}
      >
        {label}
      </Button>
      <RuleDialog opened={opened} onClose={close} id={id} start={start} />
    </>
  );
}

/** Creates or edits a rule, with a preview of the events it matches. */
export function RuleDialog(props: { opened: boolean; onClose: () => void; id?: string; start: RuleDraft }) {
  const { opened, onClose, id, start } = props;
  const [typed, setTyped] = useState<Partial<RuleDraft>>({});
  const choices = useAnswer(ChoicesDocument, {}, { enabled: opened });
  const features = choices.data?.features.filter(({ type }) => type === 'CONSUMABLE') ?? [];
  const group = [start.eventName, ...start.conditions.flatMap(({ path, equals }) => [path, equals])];
  const create = useChange(CreateMappingRuleDocument);
  const update = useChange(UpdateMappingRuleDocument);
  const isNew = id === undefined;
  const change = isNew ? create : update;
  const draft = { ...start, ...typed };
  // The guessed feature until the user chooses one.
  const wanted = { ...draft, featureId: draft.featureId || guessFeature(group, features) };
  return (
    <FormDialog
      opened={opened}
      onClose={() => {
        setTyped({});
        change.reset();
        onClose();
      }}
      title={isNew ? 'New mapping rule' : `Edit ${start.name}`}
      submit={isNew ? 'Create rule' : 'Save'}
      change={change}
      blocked={wanted.featureId === ''}
      onSubmit={() => {
        const input = inputOf(wanted);
        return isNew ? create.mutateAsync({ input }) : update.mutateAsync({ id, input });
      }}
    >
      <Fields
        draft={wanted}
        features={features}
        set={(part) => setTyped((before) => ({ ...before, ...part }))}
      />
      {opened && <Preview draft={draft} />}
    </FormDialog>
  );
}

function Fields(props: {
  draft: RuleDraft;
  features: readonly { id: string; name: string }[];
  set: (change: Partial<RuleDraft>) => void;
}) {
  const { draft, features, set } = props;
  return (
    <>
      <TextInput
        label="Name"
        value={draft.name}
        onChange={(event) => set({ name: event.currentTarget.value })}
        required
      />
      <TextInput
        label="Event name"
        description="Exactly this. Leave it empty for events of any name."
        value={draft.eventName}
        onChange={(event) => set({ eventName: event.currentTarget.value })}
      />
      <Conditions conditions={draft.conditions} onChange={(conditions) => set({ conditions })} />
      <Select
        label="Counts as usage of"
        description={
          features.length === 0
            ? 'There is no consumable feature yet: make one under Features first.'
            : undefined
        }
        placeholder="Choose a feature"
        data={features.map(({ id, name }) => ({ value: id, label: name }))}
        value={draft.featureId || null}
        onChange={(featureId) => set({ featureId: featureId ?? '' })}
        searchable
        required
      />
      <TextInput
        label="Amount"
        description="The property that holds how much was used, such as call.minutes. Leave it empty to count 1 for each event."
        placeholder="1"
        value={draft.deltaPath ?? ''}
        onChange={(event) => set({ deltaPath: event.currentTarget.value })}
      />
      <Text size="sm" c="dimmed">
        An event that names the feature and the amount in its properties needs no rule:{' '}
        <Code>{`"featureId": "${draft.featureId || 'api-calls'}", "delta": 5`}</Code>.
      </Text>
    </>
  );
}

function Conditions(props: {
  conditions: RuleDraft['conditions'];
  onChange: (conditions: RuleDraft['conditions']) => void;
}) {
  const { conditions, onChange } = props;
  const change = (index: number, part: Partial<RuleDraft['conditions'][number]>) =>
    onChange(conditions.map((each, at) => (at === index ? { ...each, ...part } : each)));
  return (
    <Stack gap="xs">
      <Text size="sm" fw={600}>
        And all of these properties
      </Text>
      {conditions.map((condition, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: conditions have no other identity
        <Group key={index} gap="xs" wrap="nowrap" align="center">
          <TextInput
            aria-label={`Property ${index + 1}`}
            placeholder="object.name"
            value={condition.path}
            onChange={(event) => change(index, { path: event.currentTarget.value })}
            required
          />
          <Text>=</Text>
          <TextInput
            aria-label={`Value ${index + 1}`}
            value={condition.equals}
            onChange={(event) => change(index, { equals: event.currentTarget.value })}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`Remove property ${index + 1}`}
            onClick={() => onChange(conditions.filter((_, at) => at !== index))}
          >
            <IconTrash size={16} />
          </ActionIcon>
        </Group>
      ))}
      <Button
        variant="default"
        size="xs"
        w="fit-content"
        onClick={() => onChange([...conditions, { path: '', equals: '' }])}
      >
        Add a property
      </Button>
    </Stack>
  );
}

/** A live preview of the stored events that the rule matches. */
function Preview({ draft }: { draft: RuleDraft }) {
  const [settled] = useDebouncedValue(draft, 300);
  const asks = settled.eventName !== '' || settled.conditions.length > 0;
  const whole = settled.conditions.every(({ path }) => path !== '');
  // The rule's name and feature do not change which events match.
  const input = { ...inputOf(settled), name: 'preview', featureId: 'preview' };
  const answer = useAnswer(PreviewRuleDocument, { input }, { enabled: asks && whole, keepPrevious: true });
  if (!asks) return <Text size="sm">Give an event name or a property.</Text>;
  const preview = answer.data?.previewMappingRule;
  if (preview === undefined) return null;
  const [latest] = preview.sample;
  return (
    <Alert color="gray" role="status" title={matches(preview)}>
      {latest ? (
        <>
          The latest, of user {latest.userId}:
          <Code block mt="xs" mah={160} style={{ overflow: 'auto' }} tabIndex={0}>
            {JSON.stringify(latest.payload, null, 2)}
          </Code>
        </>
      ) : (
        'None of the stored events. Events that come later can match.'
      )}
    </Alert>
  );
}

function matches(preview: { matched: number; deltaUnusable: number; complete: boolean; examined: number }) {
  const { matched, deltaUnusable, complete, examined } = preview;
  const found = complete
    ? `Matches ${formatCount(matched, 'stored event')}`
    : `Matches ${formatNumber(matched)} of the latest ${formatNumber(examined)} stored events`;
  return deltaUnusable === 0
    ? found
    : `${found}; ${formatNumber(deltaUnusable)} more without a usable amount`;
}
