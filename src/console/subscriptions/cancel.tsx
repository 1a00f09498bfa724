import { Text } from '@mantine/core';
import { useState } from 'react';
import { useChange } from '../api/hooks.ts';
import { CancelSubscriptionDocument, ResumeSubscriptionDocument } from '../generated/operations.ts';
import { DialogButton, FormDialog } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import type { Opened } from '../parts/opener.tsx';
import { namesOf, type Subscription } from './held.ts';
import { isChosen, now, WhenField, whenInput } from './when.tsx';

/** Cancels a subscription, now or later. */
export function Cancel(props: Opened & { subscription: Subscription; held: readonly Subscription[] }) {
  const { opened, onClose, subscription, held } = props;
  const [when, setWhen] = useState(now);
  const cancel = useChange(CancelSubscriptionDocument);
  const { name, isAddon } = subscription.package;
  const addons = isAddon ? [] : held.filter((each) => each.package.isAddon);
  return (
    <FormDialog
      opened={opened}
      onClose={onClose}
      title={`Cancel ${name}?`}
      submit="Cancel the subscription"
      keep="Keep it"
      change={cancel}
      danger
      blocked={!isChosen(when)}
      onSubmit={() => cancel.mutateAsync({ id: subscription.id, ...whenInput(when) })}
    >
      <WhenField
        label="When"
        meanings={{
          NOW: 'It ends now: what it granted is gone at once.',
          PERIOD_END:
            'It goes on until the feature that resets last resets. Until then the end can be taken back.',
          AT: 'It goes on until then. Until then the end can be taken back.',
        }}
        value={when}
        onChange={setWhen}
      />
      {addons.length > 0 && <Text size="sm">With it go the user's add-ons: {namesOf(addons)}.</Text>}
    </FormDialog>
  );
}

/** Takes a scheduled end back. */
export function Resume({ subscription }: { subscription: Subscription }) {
  const resume = useChange(ResumeSubscriptionDocument);
  return (
    <DialogButton
      label="Resume"
      about={subscription.package.name}
      title={`Let ${subscription.package.name} go on?`}
      submit="Resume"
      keep="Leave it"
      change={resume}
      button={{ variant: 'subtle', size: 'compact-sm' }}
      onSubmit={() => resume.mutateAsync({ id: subscription.id })}
    >
      <Text>
        The end {subscription.cancelsAt !== null && <Moment at={subscription.cancelsAt} />} is taken back. A
        package that was to follow does not begin.
      </Text>
    </DialogButton>
  );
}
