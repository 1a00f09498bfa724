import { Group, NumberInput, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useChange } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import {
  CreateFeatureDocument,
  DeleteFeatureDocument,
  type FeatureQuery,
  type FeatureType,
  UpdateFeatureDocument,
} from '../generated/operations.ts';
import { DialogButton } from '../parts/dialog.tsx';
import { idFrom } from '../parts/ids.ts';
import { readNumber } from '../parts/numbers.ts';

const kinds = [
  { value: 'CONSUMABLE', label: 'Consumable' },
  { value: 'BINARY', label: 'Binary' },
];

const meanings: Record<FeatureType, string> = {
  CONSUMABLE: 'Used up and counted, such as API calls: packages can limit it.',
  BINARY: 'Had or not had, such as single sign-on.',
};

interface Draft {
  name: string;
  id: string;
  type: FeatureType;
  unitLabel: string;
  unitLabelPlural: string;
  precision: number;
}

const blank: Draft = {
  name: '',
  id: '',
  type: 'CONSUMABLE',
  unitLabel: '',
  unitLabelPlural: '',
  precision: 0,
};

export function NewFeature({ fragment }: { fragment?: string }) {
  const [draft, setDraft] = useState(blank);
  const create = useChange(CreateFeatureDocument);
  const navigate = useNavigate();
  const paths = usePaths();
  const id = draft.id || idFrom(draft.name);
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));
  return (
    <DialogButton
      label="New feature"
      fragment={fragment}
      title="New feature"
      submit="Create feature"
      change={create}
      onOpen={() => setDraft(blank)}
      onSubmit={async () => {
        const units = draft.type === 'CONSUMABLE' ? unitsOf(draft) : {};
        await create.mutateAsync({ input: { id, name: draft.name, type: draft.type, ...units } });
        navigate(paths.feature(id));
      }}
    >
      <TextInput
        label="Name"
        description="The display name."
        placeholder="API calls"
        value={draft.name}
        onChange={(event) => set({ name: event.currentTarget.value })}
        required
        data-autofocus
      />
      <TextInput
        label="Id"
        description="What your code calls it. It cannot be changed later."
        placeholder="api-calls"
        value={id}
        onChange={(event) => set({ id: event.currentTarget.value })}
        required
      />
      <Stack gap={4}>
        <Text size="sm" fw={600} id="feature-type">
          Type
        </Text>
        <SegmentedControl
          aria-labelledby="feature-type"
          data={kinds}
          value={draft.type}
          onChange={(value) => set({ type: value === 'BINARY' ? 'BINARY' : 'CONSUMABLE' })}
          fullWidth
        />
        <Text size="xs" c="dimmed">
          {meanings[draft.type]} It cannot be changed later.
        </Text>
      </Stack>
      {draft.type === 'CONSUMABLE' && <Units draft={draft} set={set} />}
    </DialogButton>
  );
}

export function EditFeature({ feature }: { feature: FeatureQuery['feature'] }) {
  const present = {
    ...feature,
    unitLabel: feature.unitLabel ?? '',
    unitLabelPlural: feature.unitLabelPlural ?? '',
  };
  const [draft, setDraft] = useState<Draft>(present);
  const update = useChange(UpdateFeatureDocument);
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));
  return (
    <DialogButton
      label="Edit"
      title={`Edit ${feature.name}`}
      submit="Save"
      change={update}
      button={{ variant: 'default' }}
      onOpen={() => setDraft(present)}
      onSubmit={() => {
        const units = feature.type === 'CONSUMABLE' ? unitsOf(draft) : {};
        return update.mutateAsync({ id: feature.id, input: { name: draft.name, ...units } });
      }}
    >
      <TextInput
        label="Name"
        description="Packages that contain it already keep the name they gave it."
        value={draft.name}
        onChange={(event) => set({ name: event.currentTarget.value })}
        required
        data-autofocus
      />
      {feature.type === 'CONSUMABLE' && <Units draft={draft} set={set} />}
    </DialogButton>
  );
}

/** The way back from a feature that nobody uses yet. The server refuses the others. */
export function DeleteFeature({ feature }: { feature: FeatureQuery['feature'] }) {
  const remove = useChange(DeleteFeatureDocument);
  const navigate = useNavigate();
  const paths = usePaths();
  return (
    <DialogButton
      label="Delete"
      title={`Delete ${feature.name}?`}
      submit="Delete the feature"
      keep="Keep it"
      change={remove}
      danger
      button={{ variant: 'default' }}
      onSubmit={async () => {
        await remove.mutateAsync({ id: feature.id });
        navigate(paths.features);
      }}
    >
      <Text>Its id is free again. This is possible as long as no package, rule or usage has it.</Text>
    </DialogButton>
  );
}

const unitsOf = ({ unitLabel, unitLabelPlural, precision }: Draft) => ({
  unitLabel: unitLabel || null,
  unitLabelPlural: unitLabelPlural || null,
  precision,
});

function Units({ draft, set }: { draft: Draft; set: (change: Partial<Draft>) => void }) {
  return (
    <>
      <Group grow align="start">
        <TextInput
          label="Unit (singular)"
          placeholder="call"
          value={draft.unitLabel}
          onChange={(event) => set({ unitLabel: event.currentTarget.value })}
        />
        <TextInput
          label="Unit (plural)"
          placeholder="calls"
          value={draft.unitLabelPlural}
          onChange={(event) => set({ unitLabelPlural: event.currentTarget.value })}
        />
      </Group>
      <NumberInput
        label="Precision"
        description="How many digits after the decimal point its amounts may have. With usage, it can only be raised."
        value={draft.precision}
        onChange={(value) => set({ precision: readNumber(value) || 0 })}
        min={0}
        max={6}
        clampBehavior="strict"
        allowDecimal={false}
      />
    </>
  );
}
