import { Progress as Bar, Button, Group, Stack, Text } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { useChange } from '../api/hooks.ts';
import {
  type MigrationState,
  type ProgressFragment,
  StopMigrationDocument,
} from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { State } from '../parts/state.tsx';

const Problems = lazy(() => import('./problems.tsx').then(({ Problems }) => ({ default: Problems })));

/** The latest migrations of a package, newest first. Hidden if there was none. */
export function Progress({ migrations }: { migrations: readonly ProgressFragment[] }) {
  return migrations.length === 0 ? null : (
    <Card title="Migrations">
      <Stack gap="lg">
        {migrations.map((migration) => (
          <One key={migration.id} migration={migration} />
        ))}
      </Stack>
    </Card>
  );
}

const words: Record<MigrationState, string> = {
  RUNNING: 'Running',
  DONE: 'Done',
  STOPPED: 'Stopped',
  FAILED: 'Failed',
};

const tones: Record<MigrationState, 'good' | 'bad' | undefined> = {
  RUNNING: 'good',
  DONE: undefined,
  STOPPED: undefined,
  FAILED: 'bad',
};

function One({ migration }: { migration: ProgressFragment }) {
  const { id, state, problem, total, examined, moved, skipped, failed, createdAt, at } = migration;
  const [isOpen, setOpen] = useState(false);
  const isLater = at === 'PERIOD_END';
  const share = total === 0 ? 100 : (examined / total) * 100;
  return (
    <section aria-label={`Migration ${id}`}>
      <Group justify="space-between" mb={4}>
        <Group gap="xs">
          <State tone={tones[state]}>{words[state]}</State>
          <Text size="sm">{describe(migration)}</Text>
          <Text size="sm" c="dimmed" component="div">
            <Moment at={createdAt} />
          </Text>
        </Group>
        {state === 'RUNNING' && <Stop id={id} isLater={isLater} />}
      </Group>
      <Bar value={share} aria-label="Examined" color={state === 'FAILED' ? 'red.9' : undefined} size="lg" />
      <Group justify="space-between" gap="xs" mt={4}>
        <Text size="sm" role="status">
          {formatNumber(examined)} of {formatCount(total, 'subscriber')} examined: {formatNumber(moved)}{' '}
          {isLater ? 'scheduled' : 'moved'}, {formatNumber(skipped)} skipped, {formatNumber(failed)} failed
        </Text>
        {skipped + failed > 0 && (
          <Button variant="subtle" size="compact-sm" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {isOpen ? 'Hide who was not moved' : 'Who was not moved'}
          </Button>
        )}
      </Group>
      {isLater && moved > 0 && (
        <Text size="sm" c="dimmed">
          Each is moved at the end of their own period. Until then the change can be taken back on the user’s
          page.
        </Text>
      )}
      {problem !== null && (
        <Text size="sm" c="var(--mantine-color-error)">
          {problem}
        </Text>
      )}
      {isOpen && (
        <Suspense fallback={null}>
          <Problems id={id} />
        </Suspense>
      )}
    </section>
  );
}

/** `From every version to version 2 of Pro, at the end of each period, usage carried over`. */
function describe({ fromVersion, toPackage, toPackageId, toVersion, at, usage }: ProgressFragment): string {
  const from = fromVersion === null ? 'every version' : `version ${fromVersion}`;
  const when = at === 'NOW' ? 'at once' : 'at the end of each period';
  const carried = usage === 'CARRY' ? 'usage carried over' : 'usage started anew';
  return `From ${from} to version ${toVersion} of ${toPackage?.name ?? toPackageId}, ${when}, ${carried}`;
}

function Stop({ id, isLater }: { id: string; isLater: boolean }) {
  const stop = useChange(StopMigrationDocument);
  return (
    <DialogButton
      label="Stop"
      title="Stop the migration?"
      submit="Stop"
      keep="Let it run"
      change={stop}
      danger
      button={{ variant: 'default', size: 'xs' }}
      onSubmit={() => stop.mutateAsync({ id })}
    >
      <Text>
        {isLater
          ? 'No further change is scheduled. Those already scheduled stay, and can be taken back on the user’s page.'
          : 'Nobody is moved after this. Who was moved stays moved.'}
      </Text>
    </DialogButton>
  );
}
