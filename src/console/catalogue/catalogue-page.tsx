import { Button, Code, CopyButton, Group, Stack, Text } from '@mantine/core';
import { useAnswer, useEnvironment } from '../api/hooks.ts';
import { CatalogueDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { download } from '../parts/download.ts';
import { ConfigurationHead } from './head.tsx';
import { PublishFile } from './publish-file.tsx';

/** The catalogue as a file: download and publish. */
export function Page() {
  const answer = useAnswer(CatalogueDocument, {});
  return (
    <>
      <ConfigurationHead title="Catalogue" />
      <Answer of={answer}>
        {({ catalogue }) => (
          <Stack>
            <Present yaml={catalogue} />
            <PublishFile present={catalogue} />
          </Stack>
        )}
      </Answer>
    </>
  );
}

/** The same file names as the `kana` command. */
const fileNames = { test: 'kana.dev.yaml', live: 'kana.yaml' };

function Present({ yaml }: { yaml: string }) {
  const environment = useEnvironment();
  return (
    <Card
      title="Current catalogue"
      action={
        <Group gap="xs">
          <CopyButton value={yaml} timeout={1500}>
            {({ copied, copy }) => (
              <Button variant="default" size="xs" onClick={copy}>
                {copied ? 'Copied' : 'Copy'}
              </Button>
            )}
          </CopyButton>
          <Button
            variant="default"
            size="xs"
            onClick={() => download(fileNames[environment], yaml, 'application/yaml')}
          >
            Download
          </Button>
        </Group>
      }
    >
      <Text c="dimmed">
        All features, drafts and published packages of the {environment} environment. Keep it in your
        repository, or publish it to the other environment; <Code>npx kana pull</Code> writes the same.
      </Text>
      <Code block mah={320} style={{ overflow: 'auto' }} tabIndex={0} aria-label="Current catalogue">
        {yaml}
      </Code>
    </Card>
  );
}
