import { useNavigate, useParams } from 'react-router';
import { useAnswer, useChange } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { PackageDocument, UpdateDraftPackageDocument } from '../generated/operations.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { type Draft, draftOf, grantInput } from './draft.ts';
import { PackageForm } from './package-form.tsx';

export function Page() {
  const { id = '' } = useParams();
  const paths = usePaths();
  const navigate = useNavigate();
  const answer = useAnswer(PackageDocument, { id });
  const update = useChange(UpdateDraftPackageDocument);
  const save = ({ name, isAddon, basePackages, features }: Draft) =>
    update.mutate(
      {
        id,
        input: { name, isAddon, features: features.map(grantInput), ...(isAddon ? { basePackages } : {}) },
      },
      { onSuccess: () => navigate(paths.package(id)) },
    );
  return (
    <Answer of={answer}>
      {({ package: subject }) => (
        <>
          <PageHead title={`Edit ${subject.name}`} back={{ to: paths.package(id), label: subject.name }} />
          {subject.status === 'DRAFT' ? (
            <PackageForm
              start={draftOf(subject)}
              exists
              submit="Save"
              saving={update}
              onSubmit={save}
              onCancel={() => navigate(paths.package(id))}
            />
          ) : (
            <Empty title="Only drafts can be changed">
              {subject.name} is {subject.status.toLowerCase()}: what its subscribers have stays as they got
              it.
            </Empty>
          )}
        </>
      )}
    </Answer>
  );
}
