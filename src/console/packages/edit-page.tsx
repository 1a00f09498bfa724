import { Stack } from '@mantine/core';
import { useNavigate, useParams } from 'react-router';
import { useAnswer, useSteps } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import {
  CreatePackageVersionDocument,
  DraftDocument,
  UpdateDraftPackageDocument,
} from '../generated/operations.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Needs } from '../parts/permission.tsx';
import { PackageBilling } from '../stripe/package-billing.tsx';
import { type Draft, draftOf, grantInput } from './draft.ts';
import { PackageForm } from './package-form.tsx';

/**
 * The form of a draft: of a package that was never published, or of the next version. Without a draft the form begins
 * with what is published, and saving makes the draft: leaving without saving makes nothing.
 */
export function Page() {
  const { id = '' } = useParams();
  const paths = usePaths();
  const navigate = useNavigate();
  const answer = useAnswer(DraftDocument, { id });
  const saving = useSaving(id);
  return (
    <Answer of={answer}>
      {({ package: current }) => {
        const { name, status } = current;
        const start = current.draft ?? current;
        const exists = current.draft !== null;
        const isNext = !exists || !start.isCurrent;
        const version = exists ? start.version : start.version + 1;
        const isFixed = !exists && status !== 'PUBLISHED';
        return (
          <>
            <PageHead
              title={isNext && !isFixed ? `Edit version ${version} of ${name}` : `Edit ${name}`}
              back={{ to: paths.package(id), label: name }}
            />
            {isFixed ? (
              <Empty title="Only drafts can be changed">
                {name} is {status.toLowerCase()}: it stays as it is.
              </Empty>
            ) : (
              <Stack maw={900}>
                <PackageForm
                  start={draftOf(start)}
                  exists
                  isNext={isNext}
                  submit="Save"
                  saving={saving}
                  onSubmit={(changed) =>
                    saving.mutate(
                      { exists, isNext, changed },
                      {
                        onSuccess: ({ updateDraftPackage: saved }) =>
                          navigate(
                            saved.isCurrent ? paths.package(id) : paths.packageVersion(id, saved.version),
                          ),
                      },
                    )
                  }
                  onCancel={() =>
                    navigate(exists && isNext ? paths.packageVersion(id, version) : paths.package(id))
                  }
                />
                <Needs value="admin">
                  <PackageBilling subject={{ id, name }} />
                </Needs>
              </Stack>
            )}
          </>
        );
      }}
    </Answer>
  );
}

/** Saves a draft. If there is none yet, it makes the draft of the next version first. */
const useSaving = (id: string) =>
  useSteps(async (run, { exists, isNext, changed }: { exists: boolean; isNext: boolean; changed: Draft }) => {
    const { name, isAddon, basePackages, features } = changed;
    if (!exists) await run(CreatePackageVersionDocument, { packageId: id });
    return run(UpdateDraftPackageDocument, {
      id,
      input: {
        name,
        ...(isNext ? {} : { isAddon }),
        features: features.map(grantInput),
        ...(isAddon ? { basePackages } : {}),
      },
    });
  });
