import { Anchor, Collapse, Group, NumberInput, Select, Stack, Switch } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ResetPeriod } from '../generated/operations.ts';
import { InstantInput } from '../parts/instant-input.tsx';
import { readInstant } from '../parts/instants.ts';
import { readNumber } from '../parts/numbers.ts';
import { maxResetEvery, periodChoices, readPeriod } from '../parts/periods.ts';

/** What few grants need. */
export interface Terms {
  startsAt: string;
  resetPeriod: ResetPeriod | null;
  resetEvery: number;
  overageEnabled: boolean;
}

export const blankTerms: Terms = { startsAt: '', resetPeriod: null, resetEvery: 1, overageEnabled: false };

export const termsInput = ({ startsAt, resetPeriod, resetEvery, overageEnabled }: Terms) => ({
  startsAt: readInstant(startsAt),
  resetPeriod,
  resetEvery: resetPeriod === null ? null : resetEvery,
  overageEnabled,
});

/** The start, the resets and the overage of a grant, hidden until somebody wants them. */
export function GrantTerms(props: { terms: Terms; isBinary: boolean; onChange: (terms: Terms) => void }) {
  const { terms, isBinary, onChange } = props;
  const [opened, { toggle }] = useDisclosure();
  return (
    <>
      <Anchor component="button" type="button" fz="sm" ta="left" onClick={toggle} aria-expanded={opened}>
        {opened ? 'Fewer options' : isBinary ? 'More options: start' : 'More options: start, resets, overage'}
      </Anchor>
      <Collapse expanded={opened}>
        <Stack>
          <InstantInput
            label="From"
            description="Empty: now. From a start in the past on, what is recorded already counts."
            value={terms.startsAt}
            onChange={(startsAt) => onChange({ ...terms, startsAt })}
          />
          {!isBinary && (
            <>
              <Group align="end" grow>
                <Select
                  label="Resets"
                  data={[{ value: 'NEVER', label: 'Never' }, ...periodChoices(terms.resetEvery)]}
                  value={terms.resetPeriod ?? 'NEVER'}
                  allowDeselect={false}
                  onChange={(value) => onChange({ ...terms, resetPeriod: readPeriod(value) })}
                />
                <NumberInput
                  label="Periods"
                  value={terms.resetEvery}
                  disabled={terms.resetPeriod === null}
                  onChange={(value) => onChange({ ...terms, resetEvery: readNumber(value) || 1 })}
                  min={1}
                  max={maxResetEvery}
                  allowDecimal={false}
                />
              </Group>
              <Switch
                label="Allow overage"
                checked={terms.overageEnabled}
                onChange={(event) => onChange({ ...terms, overageEnabled: event.currentTarget.checked })}
              />
            </>
          )}
        </Stack>
      </Collapse>
    </>
  );
}
