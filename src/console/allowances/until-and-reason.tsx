import { TextInput } from '@mantine/core';
import { InstantInput } from '../parts/instant-input.tsx';

/** Until when something is given, and why. */
export function UntilAndReason(props: {
  until: string;
  onUntil: (until: string) => void;
  reason: string;
  onReason: (reason: string) => void;
}) {
  return (
    <>
      <InstantInput
        label="Until"
        description="In the time zone of this browser. Empty: no end."
        value={props.until}
        onChange={props.onUntil}
        withUsualEnds
      />
      <TextInput
        label="Reason"
        description="Kept with it and in the audit log, with your name or key."
        value={props.reason}
        onChange={(event) => props.onReason(event.currentTarget.value)}
        maxLength={255}
      />
    </>
  );
}
