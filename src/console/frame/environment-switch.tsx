import { SegmentedControl } from '@mantine/core';
import { useLocation, useNavigate } from 'react-router';
import { type Environment, environments } from '../api/request.ts';

/** Switches the environment. Goes to the same list, because ids differ between environments. */
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
