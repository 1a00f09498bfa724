import { useNavigate } from 'react-router';
import { useChange } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { CreatePackageDocument } from '../generated/operations.ts';
import { PageHead } from '../parts/page-head.tsx';
import { blankDraft, type Draft, grantInput } from './draft.ts';
import { PackageForm } from './package-form.tsx';

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
  return (
    <>
      <PageHead title="New package" back={{ to: paths.packages, label: 'Packages' }} />
      <PackageForm
        start={blankDraft}
        submit="Save as draft"
        saving={create}
        onSubmit={save}
        onCancel={() => navigate(paths.packages)}
      />
    </>
  );
}
