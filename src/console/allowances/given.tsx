import { Tabs } from '@mantine/core';
import { lazy } from 'react';
import { Card } from '../parts/card.tsx';
import { OpenButton } from '../parts/opener.tsx';
import { GrantList } from './grants.tsx';
import { ReservationList } from './reservations.tsx';
import { TopUpList } from './top-ups.tsx';

const Hold = lazy(() => import('./hold.tsx').then(({ Hold }) => ({ default: Hold })));

/** What one user was given beside packages, and what is held. */
export function Given({ userId }: { userId: string }) {
  const hold = (
    <OpenButton
      label="Hold an amount"
      button={{ variant: 'default', size: 'xs' }}
      dialog={(given) => <Hold {...given} userId={userId} />}
    />
  );
  return (
    <Card title="Grants, top-ups and reservations" action={hold}>
      <Tabs defaultValue="grants" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="grants">Grants</Tabs.Tab>
          <Tabs.Tab value="top-ups">Top-ups</Tabs.Tab>
          <Tabs.Tab value="reservations">Reservations</Tabs.Tab>
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
