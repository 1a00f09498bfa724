import { Checkbox, List, Text } from '@mantine/core';
import { useState } from 'react';
import { useChange, useEnvironment } from '../api/hooks.ts';
import { type PreviewCatalogueQuery, PublishCatalogueDocument } from '../generated/operations.ts';
import { DialogButton } from '../parts/dialog.tsx';
import { formatCount } from '../parts/numbers.ts';

type Preview = PreviewCatalogueQuery['previewCatalogue'];

/** Publishes the plan after a confirmation that lists what is permanent. */
export function PublishPlan(props: { yaml: string; plan: Preview; onChanged: () => void }) {
  const { yaml, plan, onChanged } = props;
  const { findings, fingerprint } = plan;
  const environment = useEnvironment();
  const publish = useChange(PublishCatalogueDocument);
  const [partly, setPartly] = useState(false);
  const changes = findings.filter(({ kind }) => kind === 'CHANGE');
  const final = changes.filter(({ isFinal }) => isFinal);
  const refused = findings.filter(({ kind }) => kind === 'REFUSED').length;
  if (changes.length === 0) return publish.isSuccess ? <Text role="status">Published.</Text> : null;
  return (
    <DialogButton
      label="Publish"
      about="the file"
      title={`Apply ${formatCount(changes.length, 'change')} to the ${environment} environment?`}
      submit="Publish"
      change={publish}
      blocked={refused > 0 && !partly}
      button={{ w: 'fit-content' }}
      onOpen={() => setPartly(false)}
      onSubmit={() =>
        publish.mutateAsync({ yaml, partly, fingerprint }).catch((error: Error) => {
          onChanged();
          throw error;
        })
      }
    >
      <List size="sm">
        {changes.map(({ message }) => (
          <List.Item key={message}>{message}</List.Item>
        ))}
      </List>
      {final.length > 0 && (
        <Text>
          {formatCount(final.length, 'package')} will be published. That cannot be undone: what a published
          package grants no longer changes.
        </Text>
      )}
      {refused > 0 && (
        <Checkbox
          label={`Publish the rest, without ${formatCount(refused, 'refused change')}`}
          checked={partly}
          onChange={(event) => setPartly(event.currentTarget.checked)}
        />
      )}
    </DialogButton>
  );
}
