import { Text } from '@mantine/core';
import { useState } from 'react';
import { useChange } from '../api/hooks.ts';
import { CancelSubscriptionDocument, ResumeSubscriptionDocument } from '../generated/operations.ts';
import { DialogButton, FormDialog } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import type { Opened } from '../parts/opener.tsx';
import { namesOf, type Subscription } from './held.ts';
import { cancelling, followersOf } from './succession.ts';
import { isChosen, now, WhenField, whenInput } from './when.tsx';

const running = {
  NOW: 'It ends now: what it granted is gone at once.',
  PERIOD_END: 'It goes on until the feature that resets last resets. Until then the end can be taken back.',
  AT: 'It goes on until then. Until then the end can be taken back.',
};
const scheduled = {
  NOW: 'It will not begin.',
  AT: 'It begins as scheduled and ends then. If that is before its start, it will not begin.',
};

/** Cancels a subscription, now or later. */
export function Cancel(props: Opened & { subscription: Subscription; held: readonly Subscription[] }) {
  const { opened, onClose, subscription, held } = props;
  const [when, setWhen] = useState(now);
  const cancel = useChange(CancelSubscriptionDocument);
  const { name } = subscription.package;
  const { isScheduled, followers, forerunner, addons } = cancelling(subscription, held);
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
      <WhenField label="When" meanings={isScheduled ? scheduled : running} value={when} onChange={setWhen} />
      {forerunner !== undefined && when.kind === 'NOW' && <StillEnds subscription={forerunner} />}
      {followers.length > 0 && (
        <Text size="sm" fw={600}>
          {followers.map((each) => (
            <span key={each.id}>
              {each.package.name}, which was to begin on <Moment at={each.startedAt} />, will not begin
              either.{' '}
            </span>
          ))}
          After {name} the user has no base package.
        </Text>
      )}
      {addons.length > 0 && (
        <Text size="sm">
          {isScheduled && when.kind === 'NOW'
            ? `When ${name} was to begin, the user's add-ons end`
            : "With it go the user's add-ons"}
          : {namesOf(addons)}.
        </Text>
      )}
    </FormDialog>
  );
}

/** The end of the package before a scheduled one is not taken back with it. */
const StillEnds = ({ subscription: { cancelsAt, package: has } }: { subscription: Subscription }) => (
  <Text size="sm" fw={600}>
    {has.name} still ends{' '}
    {cancelsAt !== null && (
      <>
        on <Moment at={cancelsAt} />
      </>
    )}
    : after that the user has no base package. To let {has.name} go on, choose “Keep {has.name}” instead.
  </Text>
);

/** Takes a scheduled end back, and with it what was to follow. */
export function Resume(props: { subscription: Subscription; held: readonly Subscription[] }) {
  const { subscription, held } = props;
  const resume = useChange(ResumeSubscriptionDocument);
  const { cancelsAt, package: has } = subscription;
  const followers = followersOf(subscription, held);
  const keep = `Keep ${has.name}`;
  return (
    <DialogButton
      label={keep}
      title={followers.length === 0 ? `${keep}?` : `${keep} instead of ${namesOf(followers)}?`}
      submit={keep}
      keep="Leave it"
      change={resume}
      button={{ variant: 'subtle', size: 'compact-sm' }}
      onSubmit={() => resume.mutateAsync({ id: subscription.id })}
    >
      <Text>
        The end of {has.name}{' '}
        {cancelsAt !== null && (
          <>
            on <Moment at={cancelsAt} />
          </>
        )}{' '}
        is taken back: it goes on {has.isAddon ? 'as long as the base package' : 'without an end'}.
        {followers.length > 0 && ` ${namesOf(followers)} will not begin.`}
      </Text>
    </DialogButton>
  );
}
