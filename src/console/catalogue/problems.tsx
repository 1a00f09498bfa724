import { Alert, Anchor, List } from '@mantine/core';
import type { PreviewCatalogueQuery } from '../generated/operations.ts';
import { formatCount } from '../parts/numbers.ts';

type Problem = PreviewCatalogueQuery['previewCatalogue']['problems'][number];

/** The problems of a file; a click selects the line. */
export function Problems(props: { problems: readonly Problem[]; onChoose: (line: number) => void }) {
  const { problems, onChoose } = props;
  return (
    <Alert
      color="red"
      role="alert"
      title={`This file cannot be read: ${formatCount(problems.length, 'problem')}`}
    >
      <List size="sm">
        {problems.map(({ line, field, message }) => (
          <List.Item key={`${line} ${field} ${message}`}>
            {line !== null && (
              <>
                <Anchor component="button" type="button" underline="always" onClick={() => onChoose(line)}>
                  Line {line}
                </Anchor>
                {': '}
              </>
            )}
            {field !== null && <code>{field} </code>}
            {message}
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}
