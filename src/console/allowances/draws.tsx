import { Group, Skeleton, Stack, Text } from '@mantine/core';
import { useAnswer } from '../api/hooks.ts';
import { TopUpDrawsDocument, type TopUpDrawsQuery } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { Pager, usePages } from '../parts/pager.tsx';

type Draw = TopUpDrawsQuery['topUp']['draws'][number];

const pageSize = 10;

/** The single draws of a top-up, newest first, with what was given back. */
export function Draws({ topUpId }: { topUpId: string }) {
  const pages = usePages();
  const variables = { id: topUpId, first: pageSize, before: pages.after };
  const answer = useAnswer(TopUpDrawsDocument, variables, { keepPrevious: true });
  if (answer.data === undefined && answer.error === null) return <Skeleton h={24} />;
  return (
    <Answer of={answer}>
      {({ topUp: { draws } }) =>
        draws.length === 0 && pages.isFirst ? (
          <Text size="sm">Nothing was drawn from it yet. It is used once the limit is used up.</Text>
        ) : (
          <>
            <Stack component="ul" gap={4} m={0} p={0} style={{ listStyle: 'none' }} aria-label="Draws">
              {draws.map((each) => (
                <Group key={each.id} component="li" gap="md" wrap="nowrap" align="baseline">
                  <Text size="sm" ff="monospace" miw={72} ta="right">
                    {each.amount < 0 ? '+' : '−'}
                    {formatNumber(Math.abs(each.amount))}
                  </Text>
                  <Text size="sm" component="div">
                    <Moment at={each.createdAt} />, {whatOf(each)}, period from{' '}
                    <Moment at={each.periodStart} />
                  </Text>
                </Group>
              ))}
            </Stack>
            <Pager pages={pages} full={draws.length === pageSize} last={draws.at(-1)?.id} />
          </>
        )
      }
    </Answer>
  );
}

/** Which usage drew, in words. */
function whatOf({ amount, usageEvent }: Draw): string {
  if (usageEvent === null) return amount < 0 ? 'given back' : 'used';
  const { id, action, delta, note } = usageEvent;
  const usage = action === 'SET' ? `set to ${formatNumber(delta)}` : `usage of ${formatNumber(delta)}`;
  return `${amount < 0 ? 'given back by ' : ''}${usage} (id ${id}${note === null ? '' : `, “${note}”`})`;
}
