import { Alert, Anchor, Badge, Stack, Tabs, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link, useLocation, useNavigate } from 'react-router';
import { useAnswer, useEnvironment } from '../api/hooks.ts';
import { serverAddress } from '../frame/base-path.ts';
import { usePaths } from '../frame/paths.ts';
import { SegmentDocument, type SegmentQuery } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { quoted } from '../parts/calls.ts';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Figure, Figures } from '../parts/figure.tsx';
import { Moment, timeOf } from '../parts/moment.tsx';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { useOpenTab } from '../parts/open-tab.ts';
import { PageHead } from '../parts/page-head.tsx';
import { Events } from './events.tsx';
import { Rules } from './rules.tsx';
import { type Tab, tabOf, tabs } from './tabs.ts';
import { Unmatched } from './unmatched.tsx';

/** Refresh interval in milliseconds. */
const pace = 3_000;

export function Page() {
  const answer = useAnswer(SegmentDocument, {}, { every: pace });
  return (
    <>
      <PageHead title="Segment" />
      <Answer of={answer}>
        {({ segmentStatus: status, unmatchedEvents, mappingRules, users }) => (
          <Stack>
            <Status status={status} />
            <Parts
              status={status}
              parts={{
                connect: <Connect userId={users[0]?.id ?? 'ada'} />,
                unmatched: <Unmatched events={unmatchedEvents} />,
                rules: <Rules rules={mappingRules} />,
                events: <Events />,
              }}
            />
          </Stack>
        )}
      </Answer>
    </>
  );
}

const tabLabels: Record<Tab, string> = {
  connect: 'Connect',
  unmatched: 'Unmatched',
  rules: 'Rules',
  events: 'Events',
};

/** The parts of the page as tabs. The address names the open one. */
function Parts(props: { status: SegmentQuery['segmentStatus']; parts: Record<Tab, ReactNode> }) {
  const { status, parts } = props;
  const { hash } = useLocation();
  const navigate = useNavigate();
  const list = useOpenTab('[aria-selected="true"]');
  return (
    <Tabs
      value={tabOf(hash, status)}
      onChange={(tab) => navigate({ hash: `${tab}` }, { replace: true, preventScrollReset: true })}
      keepMounted={false}
    >
      <Tabs.List ref={list} mb="md" aria-label="Segment">
        {tabs.map((tab) => (
          <Tabs.Tab
            key={tab}
            value={tab}
            rightSection={
              tab === 'unmatched' &&
              status.unmatched > 0 && (
                <Badge variant="default" size="sm">
                  {formatNumber(status.unmatched)}
                </Badge>
              )
            }
          >
            {tabLabels[tab]}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {tabs.map((tab) => (
        <Tabs.Panel key={tab} value={tab}>
          {parts[tab]}
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}

function Status({ status }: { status: SegmentQuery['segmentStatus'] }) {
  const paths = usePaths();
  return (
    <Figures>
      <Figure label="Last event" note={status.lastEventAt && timeOf(status.lastEventAt)}>
        {status.lastEventAt === null ? 'None yet' : <Moment at={status.lastEventAt} withTime={false} />}
      </Figure>
      <Figure label="Unmatched events" note="stored, until a rule claims them">
        {formatNumber(status.unmatched)}
      </Figure>
      <Figure
        label="Waiting for their user"
        note={
          status.pendingUsers > 0 && (
            <>
              of {formatCount(status.pendingUsers, 'user')} not known yet. Make them under{' '}
              <Anchor component={Link} to={paths.users} underline="always">
                Users
              </Anchor>
              , or let Segment identify them.
            </>
          )
        }
      >
        {formatNumber(status.pendingEvents)}
      </Figure>
    </Figures>
  );
}

/** @param userId an existing user for the example, so that it counts */
function Connect({ userId }: { userId: string }) {
  const environment = useEnvironment();
  const event = { type: 'track', userId, event: 'Package Created', properties: { type: 'addon' } };
  const curl = `curl ${serverAddress()}/segment/events \\
  -H 'Authorization: prv_${environment}_…' -H 'Content-Type: application/json' \\
  -d ${quoted(event)}`;
  return (
    <Card title="Connect Segment">
      <Text>
        In Segment, add a <strong>Webhooks</strong> destination, and give it this address and header. Use a
        private key of the {environment} environment.
      </Text>
      <Copyable text={`${serverAddress()}/segment/events`} />
      <Copyable text={`Authorization: prv_${environment}_…`} />
      {window.location.hostname === '127.0.0.1' || window.location.hostname === 'localhost' ? (
        <Alert color="gray" title="Segment cannot reach this address">
          <Stack gap="xs">
            It is known on this machine only. Try with cURL:
            <Copyable text={curl} block />
          </Stack>
        </Alert>
      ) : null}
    </Card>
  );
}
