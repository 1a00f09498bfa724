import { Anchor, Table, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router';
import { useAhead, useAnswer, useRest } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { FeatureDocument, FeaturesDocument } from '../generated/operations.ts';
import { detailPages } from '../pages.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { PageHead } from '../parts/page-head.tsx';
import { DataTable } from '../parts/table.tsx';
import { NewFeature } from './feature-dialogs.tsx';
import { TypeBadge } from './type-badge.tsx';

const columns = [
  { label: 'Name' },
  { label: 'Id', wide: true },
  { label: 'Type' },
  { label: 'In packages', numeric: true },
];

export function Page() {
  const paths = usePaths();
  const features = useAnswer(FeaturesDocument, {});
  const ahead = useAhead();
  const rest = useRest();
  const [wanted, setWanted] = useState('');
  const fits = (text: string) => text.toLowerCase().includes(wanted.trim().toLowerCase());
  return (
    <>
      <PageHead title="Features">
        <NewFeature fragment="new" />
      </PageHead>
      <Answer of={features}>
        {({ features: all }) =>
          all.length === 0 ? (
            <Empty title="No features yet" action={<NewFeature />}>
              A feature is something that your customers may use: API calls that are counted, or single
              sign-on that one has or has not. Packages are made of features, so begin here.
            </Empty>
          ) : (
            <>
              <TextInput
                aria-label="Find a feature"
                placeholder="Find by name or id"
                leftSection={<IconSearch size={16} aria-hidden />}
                maw={360}
                mb="md"
                value={wanted}
                onChange={(event) => setWanted(event.currentTarget.value)}
              />
              <div className="framed">
                <DataTable label="Features" columns={columns}>
                  {all
                    .filter(({ id, name }) => fits(id) || fits(name))
                    .map((feature) => (
                      <Table.Tr key={feature.id}>
                        <Table.Td>
                          <Anchor
                            component={Link}
                            to={paths.feature(feature.id)}
                            fw={500}
                            {...rest(() => {
                              detailPages.feature().catch(() => undefined);
                              ahead(FeatureDocument, { id: feature.id });
                            })}
                          >
                            {feature.name}
                          </Anchor>
                        </Table.Td>
                        <Table.Td>
                          <Copyable text={feature.id} />
                        </Table.Td>
                        <Table.Td>
                          <TypeBadge type={feature.type} />
                        </Table.Td>
                        <Table.Td ta="right">{formatNumber(feature.packages.length)}</Table.Td>
                      </Table.Tr>
                    ))}
                </DataTable>
              </div>
            </>
          )
        }
      </Answer>
    </>
  );
}
