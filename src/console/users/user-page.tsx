import { Anchor, Group, SimpleGrid, Stack, Text } from '@mantine/core';
import { lazy, Suspense, useEffect, useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { Allowances } from '../allowances/card.tsx';
import type { GivenTab } from '../allowances/given-tabs.ts';
import { Told } from '../allowances/told.tsx';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { UserDocument, type UserQuery } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { UserBillingFlags } from '../stripe/flags.tsx';
import { Subscriptions } from '../subscriptions/card.tsx';
import { Check } from './check.tsx';
import { RecordUsage } from './record-usage.tsx';
import { Ungranted } from './ungranted.tsx';
import { DeleteUser, EditUser } from './user-dialogs.tsx';

const Given = lazy(() => import('../allowances/given.tsx').then(({ Given }) => ({ default: Given })));
const Ledger = lazy(() => import('../allowances/ledger.tsx').then(({ Ledger }) => ({ default: Ledger })));

export function Page() {
  const { id = '' } = useParams();
  const paths = usePaths();
  const navigate = useNavigate();
  const answer = useAnswer(UserDocument, { id });
  const [tab, setTab] = useState<GivenTab>('grants');
  // The id of a merged user resolves to the survivor: update the URL.
  const foundId = answer.data?.user.id;
  useEffect(() => {
    if (foundId !== undefined && foundId !== id) navigate(paths.user(foundId), { replace: true });
  }, [foundId, id, navigate, paths]);
  return (
    <Answer of={answer}>
      {({ user, subscriptions, entitlements }) => (
        <>
          <PageHead title={user.name || user.id} back={{ to: paths.users, label: 'Users' }}>
            <EditUser user={user} />
            <DeleteUser user={user} />
            <RecordUsage userId={user.id} />
          </PageHead>
          <Stack>
            <UserBillingFlags userId={user.id} />
            <Facts user={user} />
            <Allowances userId={user.id} entitlements={entitlements} onGiven={setTab} />
            <Told userId={user.id} />
            <Ungranted userId={user.id} grantedIds={entitlements.map(({ feature }) => feature.id)} />
            <Subscriptions userId={user.id} subscriptions={subscriptions ?? []} />
            <Suspense fallback={null}>
              <Given userId={user.id} tab={tab} onTab={setTab} />
            </Suspense>
            <Check userId={user.id} />
            <Suspense fallback={null}>
              <Ledger userId={user.id} />
            </Suspense>
          </Stack>
        </>
      )}
    </Answer>
  );
}

function Facts({ user }: { user: UserQuery['user'] }) {
  const paths = usePaths();
  const history = (
    <Anchor component={Link} to={paths.history('USER', user.id)} size="sm">
      Change history
    </Anchor>
  );
  return (
    <Card title="Details" action={history}>
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        <Fact label="Id" text={user.id} />
        <Fact label="Email" text={user.email} />
        <Fact label="Billing id" text={user.billingId} />
      </SimpleGrid>
    </Card>
  );
}

function Fact({ label, text }: { label: string; text: string | null }) {
  return (
    <div>
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      <Group>{text === null ? '—' : <Copyable text={text} />}</Group>
    </div>
  );
}
