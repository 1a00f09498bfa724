import {
  Button,
  Group,
  MultiSelect,
  SegmentedControl,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useAnswer } from '../api/hooks.ts';
import { PackagePartsDocument } from '../generated/operations.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { Answer, Failure } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { choicesOf, idFrom } from '../parts/ids.ts';
import type { Draft } from './draft.ts';
import { GrantList } from './grant-list.tsx';

/** The form of a draft package: its details and its features with their limits. */
export function PackageForm(props: {
  start: Draft;
  /** The id of an existing package cannot change. */
  exists?: boolean;
  /** Whether it is the next version: then it stays a base package or an add-on. */
  isNext?: boolean;
  submit: string;
  saving: { isPending: boolean; error: Error | null };
  onSubmit: (draft: Draft) => void;
  onCancel: () => void;
  /** What stands below the features. */
  children?: (draft: Draft) => ReactNode;
}) {
  const { start, exists = false, isNext = false, submit, saving, onSubmit, onCancel } = props;
  const [draft, setDraft] = useState(start);
  const parts = useAnswer(PackagePartsDocument, {});
  const id = draft.id || idFrom(draft.name);
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));
  return (
    <Answer of={parts}>
      {({ features, packages }) => (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            // React lets the forms of dialogs bubble, which are elsewhere in the document.
            if (event.target === event.currentTarget) onSubmit({ ...draft, id });
          }}
        >
          <Stack maw={900}>
            <Card title="Details">
              <SimpleGrid cols={{ base: 1, sm: 2 }}>
                <TextInput
                  label="Name"
                  description={isNext ? 'All versions have it: it changes at once.' : 'The display name.'}
                  placeholder="Pro"
                  value={draft.name}
                  onChange={(event) => set({ name: event.currentTarget.value })}
                  required
                />
                <TextInput
                  label="Id"
                  description={
                    exists
                      ? 'It cannot be changed later.'
                      : 'What your code calls it. It cannot be changed later.'
                  }
                  placeholder="pro"
                  value={id}
                  onChange={(event) => set({ id: event.currentTarget.value })}
                  disabled={exists}
                  required
                />
              </SimpleGrid>
              <Kind
                draft={draft}
                set={set}
                isFixed={isNext}
                bases={packages.filter((each) => !each.isAddon && each.id !== id)}
              />
            </Card>
            <Card title="Features">
              <GrantList
                grants={draft.features}
                features={features}
                onChange={(changed) => set({ features: changed })}
              />
            </Card>
            {props.children?.(draft)}
            <Failure error={saving.error} />
            <Group>
              <ActionButton type="submit" loading={saving.isPending}>
                {submit}
              </ActionButton>
              <Button variant="default" onClick={onCancel}>
                Cancel
              </Button>
              {!exists && (
                <Text size="sm" c="dimmed">
                  Nobody can subscribe to a draft until you publish it.
                </Text>
              )}
            </Group>
          </Stack>
        </form>
      )}
    </Answer>
  );
}

function Kind(props: {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  isFixed: boolean;
  bases: readonly { id: string; name: string; status: string }[];
}) {
  const { draft, set, isFixed, bases } = props;
  return (
    <Stack gap={6}>
      <Text size="sm" fw={600} id="package-kind">
        Kind
      </Text>
      <SegmentedControl
        aria-labelledby="package-kind"
        w="fit-content"
        disabled={isFixed}
        value={draft.isAddon ? 'addon' : 'base'}
        onChange={(value) => set({ isAddon: value === 'addon', basePackages: [] })}
        data={[
          { value: 'base', label: 'Base package' },
          { value: 'addon', label: 'Add-on' },
        ]}
      />
      <Text size="sm" c="dimmed">
        {draft.isAddon
          ? 'Users have it beside a base package, and as many add-ons as they like.'
          : 'A plan: a user has one base package at a time.'}
      </Text>
      {draft.isAddon && (
        <MultiSelect
          label="Base packages"
          description="Subscribers of these may add it. Empty means every base package."
          placeholder={draft.basePackages.length === 0 ? 'Every base package' : undefined}
          data={choicesOf(bases)}
          value={draft.basePackages}
          onChange={(basePackages) => set({ basePackages })}
          searchable
          clearable
          clearButtonProps={{ 'aria-label': 'Choose none' }}
        />
      )}
    </Stack>
  );
}
