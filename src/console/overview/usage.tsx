import { Anchor, Group, SimpleGrid, Skeleton, Text, Title } from '@mantine/core';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import {
  type UsageBucket,
  UsageByFeatureDocument,
  type UsageByFeatureQuery,
} from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { LazyBars } from '../usage/lazy-bars.tsx';
import { SpanChoice } from '../usage/span-choice.tsx';
import { type Span, spanInWords, zoneNote } from '../usage/spans.ts';
import { mostFeatures } from './ahead.ts';

/** Refresh interval of the charts in milliseconds. */
const pace = 10_000;

/** The most used features. Each has its own chart, because their units differ. */
export function Usage({ span, onSpan }: { span: Span; onSpan: (span: Span) => void }) {
  const { bucket, from, to } = span;
  const variables = { first: mostFeatures, bucket, from, to };
  const answer = useAnswer(UsageByFeatureDocument, variables, { every: pace, keepPrevious: true });
  return (
    <Card title="Usage" isMain action={<SpanChoice value={span} onChange={onSpan} />}>
      <Answer of={answer} loading={<Waiting />}>
        {({ usageByFeature }) =>
          usageByFeature.length === 0 ? (
            <Text c="dimmed" py="xl" ta="center">
              Nothing was used in {spanInWords(span)}.
            </Text>
          ) : (
            <>
              <Text size="sm" c="dimmed">
                What all users together used of {formatCount(usageByFeature.length, 'feature')}, the most used
                first. {zoneNote(bucket)}
              </Text>
              <SimpleGrid
                cols={{ base: 1, md: usageByFeature.length === 1 ? 1 : 2 }}
                spacing="xl"
                verticalSpacing="lg"
              >
                {usageByFeature.map((each) => (
                  <OfFeature key={each.feature.id} usage={each} bucket={bucket} />
                ))}
              </SimpleGrid>
            </>
          )
        }
      </Answer>
    </Card>
  );
}

/** As high as the charts of four features. */
const Waiting = () => (
  <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl" verticalSpacing="lg" role="status" aria-label="Loading">
    {['a', 'b', 'c', 'd'].map((each) => (
      <Skeleton key={each} h={188} />
    ))}
  </SimpleGrid>
);

function OfFeature(props: { usage: UsageByFeatureQuery['usageByFeature'][number]; bucket: UsageBucket }) {
  const { feature, used, buckets } = props.usage;
  const paths = usePaths();
  return (
    <div>
      <Group justify="space-between" mb={4} wrap="nowrap" align="baseline">
        <Title order={3} size="h5" style={{ overflowWrap: 'anywhere' }}>
          <Anchor component={Link} to={paths.feature(feature.id)} c="inherit">
            {feature.name}
          </Anchor>
        </Title>
        <Text size="sm" fw={600} style={{ whiteSpace: 'nowrap' }}>
          {formatNumber(used)} {feature.unitLabelPlural ?? 'used'}
        </Text>
      </Group>
      <LazyBars label={`Usage of ${feature.name}`} bucket={props.bucket} points={buckets} height={140} />
    </div>
  );
}
