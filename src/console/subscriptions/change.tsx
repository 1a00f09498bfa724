import { Select, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import { type CarriedUsage, ChangePackageDocument, ChoicesDocument } from '../generated/operations.ts';
import { FormDialog } from '../parts/dialog.tsx';
import { withId } from '../parts/ids.ts';
import type { Opened } from '../parts/opener.tsx';
import { CarryField } from './carry.tsx';
import { isOpenTo, namesOf, type Subscription } from './held.ts';
import { isChosen, now, WhenField, whenInput } from './when.tsx';

/** Changes the base package of a user, now or later. */
export function Change(
  props: Opened & { userId: string; subscription: Subscription; held: readonly Subscription[] },
) {
  const { opened, onClose, userId, subscription, held } = props;
  const choices = useAnswer(ChoicesDocument, {});
  const [packageId, setPackageId] = useState<string | null>(null);
  const [when, setWhen] = useState(now);
  const [usage, setUsage] = useState<CarriedUsage>('CARRY');
  const change = useChange(ChangePackageDocument);
  const has = subscription.package;
  const bases = (choices.data?.packages ?? []).filter(
    ({ id, isAddon, version }) => !isAddon && (id !== has.id || version > has.version),
  );
  const lost = held.filter(({ package: { id, isAddon } }) => {
    const addon = choices.data?.packages.find((each) => each.id === id);
    return isAddon && packageId !== null && addon !== undefined && !isOpenTo(addon, packageId);
  });
  return (
    <FormDialog
      opened={opened}
      onClose={onClose}
      title="Change the base package"
      submit="Change"
      change={change}
      blocked={packageId === null || !isChosen(when)}
      onSubmit={() => change.mutateAsync({ userId, packageId: packageId ?? '', usage, ...whenInput(when) })}
    >
      <Select
        label="New base package"
        placeholder="Choose one"
        data={bases.map((each) => ({
          value: each.id,
          label: each.id === has.id ? `${withId(each)}, version ${each.version}` : withId(each),
        }))}
        value={packageId}
        onChange={setPackageId}
        searchable
        required
        data-autofocus
      />
      <WhenField
        label="When"
        meanings={{
          NOW: `${has.name} ends now, and the new package begins.`,
          PERIOD_END: `${has.name} goes on until the feature that resets last resets; then the new package begins.`,
          AT: `${has.name} goes on until then; then the new package begins.`,
        }}
        value={when}
        onChange={setWhen}
      />
      <CarryField value={usage} onChange={setUsage} />
      {lost.length > 0 && (
        <Text size="sm" fw={600}>
          Not open to the new one, and cancelled with it: {namesOf(lost)}.
        </Text>
      )}
    </FormDialog>
  );
}
