import { useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { useAnswer, useSteps } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import {
  CreatePackageDocument,
  CreateProviderPriceDocument,
  PackagePartsDocument,
  type ProviderPriceInput,
  UpdateDraftPackageDocument,
} from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { PlannedPrices } from '../stripe/new-price.tsx';
import { blankDraft, type Draft, grantInput, newGrant } from './draft.ts';
import { PackageForm } from './package-form.tsx';

/** Starts with the feature named in the URL, or empty. */
export function Page() {
  const paths = usePaths();
  const navigate = useNavigate();
  const [prices, setPrices] = useState<readonly ProviderPriceInput[]>([]);
  const [made, setMade] = useState<string | null>(null);
  // Each step that is done is not done again: Stripe may refuse a price after the package is made.
  const save = useSteps(async (run, { name, isAddon, basePackages, features, ...draft }: Draft) => {
    const id = made ?? draft.id;
    const input = {
      ...{ name, isAddon, features: features.map(grantInput) },
      ...(isAddon ? { basePackages } : {}),
    };
    if (made === null) await run(CreatePackageDocument, { input: { id, ...input } });
    else await run(UpdateDraftPackageDocument, { id, input });
    setMade(id);
    for (const price of prices) {
      await run(CreateProviderPriceDocument, { packageId: id, input: price });
      setPrices((left) => left.filter((each) => each !== price));
    }
    return id;
  });
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
            exists={made !== null}
            submit="Save as draft"
            saving={save}
            onSubmit={(draft) => save.mutate(draft, { onSuccess: (id) => navigate(paths.package(id)) })}
            onCancel={() => navigate(made === null ? paths.packages : paths.package(made))}
          >
            {({ name }) => <PlannedPrices packageName={name} prices={prices} onChange={setPrices} />}
          </PackageForm>
        )}
      </Answer>
    </>
  );
}
