import { SegmentedControl } from '@mantine/core';
import { useLocation, useNavigate } from 'react-router';
import { type Environment, environments } from '../api/request.ts';

/** Which environment this is, and one click to the other: to the same list there, as ids differ. */
export function EnvironmentSwitch({ environment }: { environment: Environment }) {
  const navigate = useNavigate();
  const [, , section = '', page = ''] = useLocation().pathname.split('/');
  const path = section === 'configuration' && page !== '' ? `${section}/${page}` : section;
  return (
    <SegmentedControl
      aria-label="Environment"
      value={environment}
      onChange={(chosen) => navigate(path === '' ? `/${chosen}` : `/${chosen}/${path}`)}
      data={environments.map((each) => ({ value: each, label: each === 'test' ? 'Test' : 'Live' }))}
      color={environment}
      size="sm"
    />
  );
}
