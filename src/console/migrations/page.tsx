import { Button, Group, List, SegmentedControl, Select, SimpleGrid, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useLocation, useParams } from 'react-router';
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
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { DialogButton } from '../parts/dialog.tsx';
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
  // Right after a start the form would say that nobody is left to move, which reads as a failure.
  const [isStarted, setStarted] = useState(false);
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
                {!own.some(({ state }) => state === 'RUNNING') &&
                  (isStarted ? (
                    <Group>
                      <Button variant="default" onClick={() => setStarted(false)}>
                        Another move
                      </Button>
                    </Group>
                  ) : (
                    <Migrate
                      from={from}
                      packages={packages}
                      onStarted={() => {
                        setStarted(true);
                        window.scrollTo(0, 0);
                      }}
                    />
                  ))}
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

/** The users who were chosen in the list that led here; null for all. A reload keeps them. */
function useChosenUsers(): string[] | null {
  const { state } = useLocation();
  const userIds: unknown = state?.userIds;
  return Array.isArray(userIds) && userIds.length > 0 ? userIds.map(String) : null;
}

function Migrate(props: { from: From; packages: MigrationPartsQuery['packages']; onStarted: () => void }) {
  const { from, packages, onStarted } = props;
  const targets = packages.filter(({ isAddon }) => isAddon === from.isAddon);
  const [input, setInput] = useState<MigrateSubscribersInput>({
    fromPackageId: from.id,
    fromVersion: null,
    toPackageId: targets.some(({ id }) => id === from.id) ? from.id : '',
    toVersion: null,
    at: 'NOW',
    usage: 'CARRY',
    userIds: useChosenUsers(),
  });
  const set = (change: Partial<MigrateSubscribersInput>) => setInput((before) => ({ ...before, ...change }));
  const preview = useAnswer(PreviewMigrationDocument, { input }, { enabled: input.toPackageId !== '' });
  const moving = preview.data?.previewMigration.moving ?? 0;
  const isNobody = moving === 0 && preview.data?.previewMigration.skipped === 0;
  return (
    <>
      <Card title="From and to">
        {input.userIds && (
          <Group gap="xs">
            <Text>Only {formatCount(input.userIds.length, 'chosen user')}.</Text>
            <Button variant="default" size="xs" onClick={() => set({ userIds: null })}>
              All subscribers
            </Button>
          </Group>
        )}
        <Fields from={from} targets={targets} input={input} set={set} />
      </Card>
      {input.toPackageId !== '' && (
        <Card title="What happens">
          <Answer of={preview}>
            {(data) => <Preview preview={data.previewMigration} usage={input.usage} />}
          </Answer>
          {isNobody && (
            <Text size="sm">
              {input.toPackageId === from.id
                ? 'All subscribers of this package have this version already. Choose another version or package to move to.'
                : 'Nobody has this package at the version that you chose.'}
            </Text>
          )}
          <Group>
            <Start
              from={from}
              target={targets.find(({ id }) => id === input.toPackageId)}
              input={input}
              moving={moving}
              onStarted={onStarted}
            />
          </Group>
        </Card>
      )}
    </>
  );
}

/** The button that starts it. The dialog names what was chosen, for it is about many users at once. */
function Start(props: {
  from: From;
  target: MigrationPartsQuery['packages'][number] | undefined;
  input: MigrateSubscribersInput;
  moving: number;
  onStarted: () => void;
}) {
  const { from, target, input, moving, onStarted } = props;
  const migrate = useChange(MigrateSubscribersDocument);
  const count = formatCount(moving, 'subscriber');
  const lines = [
    `From: ${from.name}, ${input.fromVersion == null ? 'every version' : `version ${input.fromVersion}`}`,
    `To: ${target?.name ?? input.toPackageId}, version ${input.toVersion ?? target?.version ?? 'current'}`,
    `When: ${input.at === 'PERIOD_END' ? 'at the end of each user’s period' : 'now'}`,
    `Usage of the running period: ${input.usage === 'RESET' ? 'started anew' : 'carried over'}`,
  ];
  return (
    <DialogButton
      label={moving === 0 ? 'Nobody to move' : `Move ${count}`}
      title={`Move ${count}?`}
      submit="Move"
      change={migrate}
      button={{ disabled: moving === 0 }}
      onSubmit={async () => {
        await migrate.mutateAsync({ input });
        onStarted();
      }}
    >
      <List size="sm">
        {lines.map((line) => (
          <List.Item key={line}>{line}</List.Item>
        ))}
      </List>
      <Text size="sm">{times[input.at ?? 'NOW']}</Text>
    </DialogButton>
  );
}

const times: Record<MigrationTime, string> = {
  NOW: 'Each user is moved at once, one after another.',
  PERIOD_END:
    'Each user is moved at the end of their own period. Until then each change can be taken back on the user’s page.',
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
        <Text size="sm" fw={600} id="migration-when">
          When
        </Text>
        <SegmentedControl
          aria-labelledby="migration-when"
          w="fit-content"
          data={[
            { value: 'NOW', label: 'Now' },
            { value: 'PERIOD_END', label: 'End of each period' },
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
