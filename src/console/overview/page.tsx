import { Stack } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useAnswer } from '../api/hooks.ts';
import { OverviewDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Columns } from '../parts/columns.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { usualSpan } from '../usage/spans.ts';
import { useOverviewAhead } from './ahead.ts';
import { Attention } from './attention.tsx';
import { DemoSteps, demoUserId } from './demo-steps.tsx';
import { EventStatus, Events } from './events.tsx';
import { FirstSteps } from './first-steps.tsx';
import { NearLimits } from './near-limits.tsx';
import { People } from './people.tsx';
import { DemoNotice, DemoRemoved, useRemoveDemo } from './remove-demo.tsx';
import { Sold } from './sold.tsx';
import { Usage } from './usage.tsx';

/** Refresh interval in milliseconds. */
const pace = 10_000;

export function Page() {
  const ahead = useOverviewAhead();
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the page opens
  useEffect(ahead, []);
  const answer = useAnswer(OverviewDocument, {}, { every: pace });
  const removal = useRemoveDemo();
  const [span, setSpan] = useState(usualSpan);
  return (
    <>
      <PageHead title="Overview" />
      <Answer of={answer}>
        {(data) => {
          const sold = data.packages.filter(({ status }) => status === 'PUBLISHED');
          const begun = sold.length > 0 && data.users.length > 0;
          // The oldest user: the first start made it.
          const hasDemo = data.users[0]?.id === demoUserId;
          const hasEvents = data.segmentStatus.lastEventAt !== null;
          const isDemo = hasDemo && data.users.length === 1;
          return (
            <Stack gap="xl">
              {!begun && (
                <FirstSteps
                  done={[data.features.length > 0, sold.length > 0, data.users.length > 0]}
                  packageId={sold[0]?.id ?? 'pro'}
                />
              )}
              {begun && isDemo && <DemoSteps removal={removal} />}
              {hasDemo && !(begun && isDemo) && <DemoNotice removal={removal} />}
              <DemoRemoved removal={removal} />
              {begun && <People span={span} />}
              <Attention overview={data} />
              <Columns
                aside={
                  <>
                    {begun && <Sold packages={sold} />}
                    {hasEvents && <EventStatus status={data.segmentStatus} />}
                  </>
                }
              >
                {begun && <Usage span={span} onSpan={setSpan} />}
              </Columns>
              {begun && <NearLimits />}
              {hasEvents && <Events events={data.segmentEvents} />}
            </Stack>
          );
        }}
      </Answer>
    </>
  );
}
