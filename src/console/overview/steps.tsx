import { Anchor, Stack, Text, Timeline } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { Link } from 'react-router';
import { useEnvironment } from '../api/hooks.ts';
import { curlOf } from '../parts/calls.ts';
import { Copyable } from '../parts/copyable.tsx';

/** One step: a page to open, or an operation to send. */
export interface Step {
  title: string;
  text: string;
  to: string;
  link: string;
  operation?: string;
  isDone?: boolean;
}

/** The first steps in order, each with the API call that does the same. */
export function Steps({ steps }: { steps: readonly Step[] }) {
  const environment = useEnvironment();
  // The first step that is not done yet.
  const next = steps.findIndex(({ isDone }) => !isDone);
  return (
    <Timeline active={(next === -1 ? steps.length : next) - 1} bulletSize={28}>
      {steps.map(({ title, text, to, link, operation, isDone }, index) => (
        <Timeline.Item
          key={title}
          title={title}
          bullet={isDone ? <IconCheck size={16} aria-label="Done" role="img" /> : index + 1}
        >
          <Stack gap="xs">
            <Text size="sm">
              {text}{' '}
              <Anchor component={Link} to={to} underline="always">
                {link}
              </Anchor>
              {operation === undefined ? '.' : ', or send this:'}
            </Text>
            {operation !== undefined && <Copyable text={curlOf(environment, operation)} block />}
          </Stack>
        </Timeline.Item>
      ))}
    </Timeline>
  );
}
