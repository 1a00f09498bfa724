import { useNavigate, useSearchParams } from 'react-router';
import { useAnswer, useChange } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { CreatePackageDocument, PackagePartsDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { blankDraft, type Draft, grantInput, newGrant } from './draft.ts';
import { PackageForm } from './package-form.tsx';

/** Starts with the feature named in the URL, or empty. */
export function Page() {
  const paths = usePaths();
  const navigate = useNavigate();
  const create = useChange(CreatePackageDocument);
  const save = ({ id, name, isAddon, basePackages, features }: Draft) =>
    create.mutate(
      {
        input: {
          id,
          name,
          isAddon,
          features: features.map(grantInput),
          ...(isAddon ? { basePackages } : {}),
        },
      },
      { onSuccess: () => navigate(paths.package(id)) },
    );
  const answer = useAnswer(PackagePartsDocument, {});
  const [search] = useSearchParams();
  return (
    <>
      <PageHead title="New package" back={{ to: paths.packages, label: 'Packages' }} />
      <Answer of={answer}>
        {({ features }) => (
          <PackageForm
            start={{
              ...blankDraft,
              features: features.filter(({ id }) => id === search.get('feature')).map(newGrant),
            }}
            submit="Save as draft"
            saving={create}
            onSubmit={save}
            onCancel={() => navigate(paths.packages)}
          />
        )}
      </Answer>
    </>
  );
}
