import { Anchor, Group, Stack } from '@mantine/core';
import { lazy, Suspense, useEffect, useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { Allowances } from '../allowances/card.tsx';
import type { GivenTab } from '../allowances/given-tabs.ts';
import { Told } from '../allowances/told.tsx';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { UserDocument, type UserQuery } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Later } from '../parts/later.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { UserBillingFlags } from '../stripe/flags.tsx';
import { Subscriptions } from '../subscriptions/card.tsx';
import { Check } from './check.tsx';
import { RecordUsage } from './record-usage.tsx';
import { Ungranted } from './ungranted.tsx';
import { DeleteUser, EditUser } from './user-dialogs.tsx';

const Given = lazy(() => import('../allowances/given.tsx').then(({ Given }) => ({ default: Given })));
const Ledger = lazy(() => import('../allowances/ledger.tsx').then(({ Ledger }) => ({ default: Ledger })));

/** Refresh interval in milliseconds: what was given ends by itself, and usage comes from elsewhere. */
const pace = 10_000;

export function Page() {
  const { id = '' } = useParams();
  const paths = usePaths();
  const navigate = useNavigate();
  const answer = useAnswer(UserDocument, { id }, { every: pace });
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
          <PageHead
            title={user.name || user.id}
            back={{ to: paths.users, label: 'Users' }}
            facts={<About user={user} />}
          >
            <EditUser user={user} />
            <DeleteUser user={user} />
            <RecordUsage userId={user.id} />
          </PageHead>
          <Stack gap="xl">
            <UserBillingFlags userId={user.id} />
            <Allowances userId={user.id} entitlements={entitlements} onGiven={setTab} />
            <Later>
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
            </Later>
          </Stack>
        </>
      )}
    </Answer>
  );
}

/** Who it is, in a line: the ids, the email, and the history. */
function About({ user: { id, email, billingId } }: { user: UserQuery['user'] }) {
  const paths = usePaths();
  return (
    <>
      <Copyable text={id} />
      {email === null ? <span>No email</span> : <Copyable text={email} />}
      {billingId === null ? (
        <span>No billing id</span>
      ) : (
        <Group gap={6} wrap="nowrap">
          Billing id <Copyable text={billingId} />
        </Group>
      )}
      <Anchor component={Link} to={paths.history('USER', id)}>
        Change history
      </Anchor>
    </>
  );
}
