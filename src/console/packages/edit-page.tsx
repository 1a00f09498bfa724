import { Stack } from '@mantine/core';
import { useNavigate, useParams } from 'react-router';
import { useAnswer, useChange } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { DraftDocument, UpdateDraftPackageDocument } from '../generated/operations.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { PackageBilling } from '../stripe/package-billing.tsx';
import { type Draft, draftOf, grantInput } from './draft.ts';
import { NextVersionButton } from './lifecycle.tsx';
import { PackageForm } from './package-form.tsx';

/** The form of a draft: of a package that was never published, or of the next version. */
export function Page() {
  const { id = '' } = useParams();
  const paths = usePaths();
  const navigate = useNavigate();
  const answer = useAnswer(DraftDocument, { id });
  const update = useChange(UpdateDraftPackageDocument);
  const save = (isFirst: boolean, { name, isAddon, basePackages, features }: Draft) =>
    update.mutate(
      {
        id,
        input: {
          name,
          ...(isFirst ? { isAddon } : {}),
          features: features.map(grantInput),
          ...(isAddon ? { basePackages } : {}),
        },
      },
      {
        onSuccess: ({ updateDraftPackage: { version, isCurrent } }) =>
          navigate(isCurrent ? paths.package(id) : paths.packageVersion(id, version)),
      },
    );
  return (
    <Answer of={answer}>
      {({ package: { name, status, draft } }) => {
        const isNext = draft !== null && !draft.isCurrent;
        const title = isNext ? `Edit version ${draft.version} of ${name}` : `Edit ${name}`;
        return (
          <>
            <PageHead title={title} back={{ to: paths.package(id), label: name }} />
            {draft === null ? (
              <Empty
                title="Only drafts can be changed"
                action={status === 'PUBLISHED' && <NextVersionButton subject={{ id }} />}
              >
                {name} is {status.toLowerCase()}: a published version stays as it is.
              </Empty>
            ) : (
              <Stack maw={900}>
                <PackageForm
                  start={draftOf(draft)}
                  exists
                  isNext={isNext}
                  submit="Save"
                  saving={update}
                  onSubmit={(changed) => save(!isNext, changed)}
                  onCancel={() =>
                    navigate(isNext ? paths.packageVersion(id, draft.version) : paths.package(id))
                  }
                />
                <PackageBilling subject={{ id, name }} />
              </Stack>
            )}
          </>
        );
      }}
    </Answer>
  );
}
