import { Badge, Tabs } from '@mantine/core';
import { lazy } from 'react';
import { useAnswer } from '../api/hooks.ts';
import { GrantsDocument, OpenReservationsDocument, TopUpsDocument } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { OpenButton } from '../parts/opener.tsx';
import { type GivenTab, isGivenTab, givenPageSize as pageSize } from './given-tabs.ts';
import { GrantList } from './grants.tsx';
import { ReservationList } from './reservations.tsx';
import { TopUpList } from './top-ups.tsx';

const Hold = lazy(() => import('./hold.tsx').then(({ Hold }) => ({ default: Hold })));

/** What one user was given beside packages, and what is held. */
export function Given(props: { userId: string; tab: GivenTab; onTab: (tab: GivenTab) => void }) {
  const { userId, tab, onTab } = props;
  // The first pages, which the lists show too: one request serves both.
  const variables = { userId, first: pageSize, after: undefined };
  const grants = useAnswer(GrantsDocument, variables).data?.grants.length;
  const topUps = useAnswer(TopUpsDocument, variables).data?.topUps.length;
  const reservations = useAnswer(OpenReservationsDocument, variables).data?.openReservations.length;
  const hold = (
    <OpenButton
      label="Hold an amount"
      button={{ variant: 'default', size: 'xs' }}
      dialog={(given) => <Hold {...given} userId={userId} onHeld={() => onTab('reservations')} />}
    />
  );
  return (
    <Card title="Grants, top-ups and reservations" action={hold}>
      <Tabs value={tab} onChange={(value) => isGivenTab(value) && onTab(value)} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="grants" rightSection={<Count of={grants} />}>
            Grants
          </Tabs.Tab>
          <Tabs.Tab value="top-ups" rightSection={<Count of={topUps} />}>
            Top-ups
          </Tabs.Tab>
          <Tabs.Tab value="reservations" rightSection={<Count of={reservations} />}>
            Reservations
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="grants" pt="md">
          <GrantList userId={userId} />
        </Tabs.Panel>
        <Tabs.Panel value="top-ups" pt="md">
          <TopUpList userId={userId} />
        </Tabs.Panel>
        <Tabs.Panel value="reservations" pt="md">
          <ReservationList userId={userId} />
        </Tabs.Panel>
      </Tabs>
    </Card>
  );
}

/** How many there are; of more than one page only that. */
const Count = ({ of }: { of: number | undefined }) =>
  of !== undefined && (
    <Badge variant="default" size="sm">
      {of >= pageSize ? `${pageSize}+` : of}
    </Badge>
  );
