import { SegmentedControl } from '@mantine/core';
import { useLocation, useNavigate } from 'react-router';
import { type Environment, environments, type Session } from '../api/request.ts';

/** Switches the environment. Goes to the same list, because ids differ between environments. */
export function EnvironmentSwitch(props: { environment: Environment; signedInTo: readonly Session[] }) {
  const { environment, signedInTo } = props;
  // A member sees the environments in which there is a role. With a key, one may sign in to the other one too.
  const isMember = signedInTo.some((each) => each.environment === environment && each.member !== null);
  const visible = environments.filter(
    (each) => !isMember || signedInTo.some((session) => session.environment === each),
  );
  const navigate = useNavigate();
  const [, , section = '', page = ''] = useLocation().pathname.split('/');
  const path = section === 'configuration' && page !== '' ? `${section}/${page}` : section;
  return (
    <SegmentedControl
      aria-label="Environment"
      value={environment}
      onChange={(chosen) => navigate(path === '' ? `/${chosen}` : `/${chosen}/${path}`)}
      data={visible.map((each) => ({ value: each, label: each === 'test' ? 'Test' : 'Live' }))}
      color={environment}
      size="sm"
    />
  );
}
