import { Button, FileButton, Group, Text, Textarea } from '@mantine/core';
import { useRef, useState } from 'react';
import { useAnswer } from '../api/hooks.ts';
import { PreviewCatalogueDocument } from '../generated/operations.ts';
import { Failure } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Plan } from './plan.tsx';
import { Problems } from './problems.tsx';
import { PublishPlan } from './publish-plan.tsx';

/** Previews and publishes a file. */
export function PublishFile({ present }: { present: string }) {
  const [text, setText] = useState('');
  const [asked, setAsked] = useState<string | null>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  // Refetched when the catalogue changes, so that the plan is current.
  const answer = useAnswer(PreviewCatalogueDocument, { yaml: asked ?? '' }, { enabled: asked !== null });
  const write = (value: string) => {
    setText(value);
    setAsked(null);
  };
  const plan = asked === null ? undefined : answer.data?.previewCatalogue;
  return (
    <Card title="Publish a file">
      <Text c="dimmed">
        Paste a file or choose one. Before anything changes, you see what publishing it would do.
      </Text>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(text);
        }}
      >
        <Textarea
          ref={area}
          label="Features and packages as YAML"
          classNames={{ input: 'mono' }}
          autosize
          minRows={8}
          maxRows={24}
          spellCheck={false}
          value={text}
          onChange={(event) => write(event.currentTarget.value)}
          required
        />
        <Group mt="sm">
          <Button type="submit" loading={asked !== null && answer.isFetching}>
            Preview
          </Button>
          <FileButton
            accept=".yaml,.yml,application/yaml"
            inputProps={{ 'aria-label': 'A YAML file' }}
            onChange={(file) => file?.text().then(write)}
          >
            {(props) => (
              <Button {...props} variant="default">
                Choose a file
              </Button>
            )}
          </FileButton>
          <Button variant="default" onClick={() => write(present)}>
            Load the current catalogue
          </Button>
        </Group>
      </form>
      {asked !== null && <Failure error={answer.error} />}
      {plan && plan.problems.length > 0 && (
        <Problems
          problems={plan.problems}
          onChoose={(line) => area.current && goToLine(area.current, line)}
        />
      )}
      {plan && plan.problems.length === 0 && (
        <>
          <Plan findings={plan.findings} />
          <PublishPlan yaml={asked ?? ''} plan={plan} onChanged={() => answer.refetch()} />
        </>
      )}
    </Card>
  );
}

/** Selects a line (counted from 1) and scrolls to it. */
function goToLine(area: HTMLTextAreaElement, line: number): void {
  const lines = area.value.split('\n');
  const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  area.scrollTop = (area.scrollHeight / lines.length) * Math.max(0, line - 4);
}
