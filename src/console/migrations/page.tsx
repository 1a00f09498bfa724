import { Button, Group, SegmentedControl, Select, SimpleGrid, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useParams } from 'react-router';
import { useAnswer, useChange, useRefresh } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import {
  MigrateSubscribersDocument,
  type MigrateSubscribersInput,
  MigrationPartsDocument,
  type MigrationPartsQuery,
  MigrationsDocument,
  type MigrationTime,
  PreviewMigrationDocument,
} from '../generated/operations.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { choicesOf } from '../parts/ids.ts';
import { formatCount } from '../parts/numbers.ts';
import { PageHead } from '../parts/page-head.tsx';
import { CarryField } from '../subscriptions/carry.tsx';
import { Preview } from './preview.tsx';
import { Progress } from './progress.tsx';

/** How many of the latest migrations of all packages are looked through. */
const latest = 50;
const refreshMs = 2_000;

/** Moves the subscribers of a package to another version or package, after showing what that does. */
export function Page() {
  const { id = '' } = useParams();
  const paths = usePaths();
  const answer = useAnswer(MigrationPartsDocument, { id });
  const migrations = useAnswer(MigrationsDocument, { first: latest }, { every: refreshMs });
  const own = migrations.data?.migrations.filter(({ fromPackageId }) => fromPackageId === id) ?? [];
  // A migration that ends changes what another one would do.
  useRefresh(own.filter(({ state }) => state !== 'RUNNING').length);
  return (
    <Answer of={answer}>
      {({ package: from, packages }) => (
        <>
          <PageHead
            title={`Move subscribers of ${from.name}`}
            back={{ to: paths.package(id), label: from.name }}
          />
          <Answer of={migrations}>
            {() => (
              <Stack>
                <Progress migrations={own} />
                {!own.some(({ state }) => state === 'RUNNING') && <Migrate from={from} packages={packages} />}
              </Stack>
            )}
          </Answer>
        </>
      )}
    </Answer>
  );
}

type From = MigrationPartsQuery['package'];

const everyVersion = 'EVERY';

function Migrate({ from, packages }: { from: From; packages: MigrationPartsQuery['packages'] }) {
  const targets = packages.filter(({ isAddon }) => isAddon === from.isAddon);
  const [input, setInput] = useState<MigrateSubscribersInput>({
    fromPackageId: from.id,
    fromVersion: null,
    toPackageId: targets.some(({ id }) => id === from.id) ? from.id : '',
    toVersion: null,
    at: 'NOW',
    usage: 'CARRY',
  });
  const set = (change: Partial<MigrateSubscribersInput>) => setInput((before) => ({ ...before, ...change }));
  const preview = useAnswer(PreviewMigrationDocument, { input }, { enabled: input.toPackageId !== '' });
  const migrate = useChange(MigrateSubscribersDocument);
  const moving = preview.data?.previewMigration.moving ?? 0;
  const isNobody = moving === 0 && preview.data?.previewMigration.skipped === 0;
  return (
    <>
      <Card title="From and to">
        <Fields from={from} targets={targets} input={input} set={set} />
      </Card>
      {input.toPackageId !== '' && (
        <Card title="What happens">
          <Answer of={preview}>
            {(data) => <Preview preview={data.previewMigration} usage={input.usage} />}
          </Answer>
          <Failure error={migrate.error} />
          {isNobody && (
            <Text size="sm">
              {input.toPackageId === from.id
                ? 'Whoever has this package has this version already. Choose another version or package to move to.'
                : 'Nobody has this package at the version that you chose.'}
            </Text>
          )}
          <Group>
            <Button
              disabled={moving === 0}
              loading={migrate.isPending}
              onClick={() => migrate.mutate({ input }, { onSuccess: () => window.scrollTo(0, 0) })}
            >
              {moving === 0 ? 'Nobody to move' : `Move ${formatCount(moving, 'subscriber')}`}
            </Button>
          </Group>
        </Card>
      )}
    </>
  );
}

const times: Record<MigrationTime, string> = {
  NOW: 'Each user is moved at once, one after another.',
  PERIOD_END:
    'Each user is moved at the end of the own period. Until then each change can be taken back on the user’s page.',
};

function Fields(props: {
  from: From;
  targets: MigrationPartsQuery['packages'];
  input: MigrateSubscribersInput;
  set: (change: Partial<MigrateSubscribersInput>) => void;
}) {
  const { from, targets, input, set } = props;
  const published = from.versions.filter(({ status }) => status !== 'DRAFT');
  const target = targets.find(({ id }) => id === input.toPackageId);
  const targetVersions = target?.versions.filter(({ status }) => status !== 'DRAFT') ?? [];
  return (
    <Stack>
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        <Select
          label="Subscribers of"
          data={[
            { value: everyVersion, label: 'Every version' },
            ...published.map(({ version, subscriberCount }) => ({
              value: `${version}`,
              label: `Version ${version} (${formatCount(subscriberCount, 'subscriber')})`,
            })),
          ]}
          value={input.fromVersion == null ? everyVersion : `${input.fromVersion}`}
          allowDeselect={false}
          onChange={(value) => set({ fromVersion: value === everyVersion ? null : Number(value) })}
        />
        <Select
          label="To the package"
          placeholder="Choose one"
          data={choicesOf(targets)}
          value={input.toPackageId || null}
          allowDeselect={false}
          searchable
          onChange={(toPackageId) => set({ toPackageId: toPackageId ?? '', toVersion: null })}
        />
        <Select
          label="Version"
          data={targetVersions.map(({ version }) => ({
            value: `${version}`,
            label: version === target?.version ? `${version} (current)` : `${version}`,
          }))}
          value={`${input.toVersion ?? target?.version ?? ''}`}
          allowDeselect={false}
          onChange={(value) => set({ toVersion: Number(value) })}
        />
      </SimpleGrid>
      <Stack gap={6}>
        <SegmentedControl
          aria-label="When"
          w="fit-content"
          data={[
            { value: 'NOW', label: 'Now' },
            { value: 'PERIOD_END', label: 'At the end of each user’s period' },
          ]}
          value={input.at ?? 'NOW'}
          onChange={(at) => set({ at: at === 'PERIOD_END' ? 'PERIOD_END' : 'NOW' })}
        />
        <Text size="sm" c="dimmed">
          {times[input.at ?? 'NOW']}
        </Text>
      </Stack>
      <CarryField value={input.usage ?? 'CARRY'} onChange={(usage) => set({ usage })} />
    </Stack>
  );
}
