import { NavLink } from '@mantine/core';
import {
  IconAdjustments,
  IconChartBar,
  IconPackage,
  IconPlugConnected,
  IconTags,
  IconTerminal2,
  IconUsers,
} from '@tabler/icons-react';
import { Link, useLocation } from 'react-router';
import { basePath } from './base-path.ts';
import { usePaths } from './paths.ts';

export function Navigation() {
  const paths = usePaths();
  const { pathname } = useLocation();
  const entries = [
    { label: 'Overview', to: paths.overview, Icon: IconChartBar },
    { label: 'Features', to: paths.features, Icon: IconTags },
    { label: 'Packages', to: paths.packages, Icon: IconPackage },
    { label: 'Users', to: paths.users, Icon: IconUsers },
    { label: 'Segment', to: paths.segment, Icon: IconPlugConnected },
    { label: 'Configuration', to: paths.configuration, Icon: IconAdjustments },
  ];
  /** Pages whose URL does not start with their section. */
  const within = new Map([[paths.users, [paths.flaggedUsers, paths.importUsers]]]);
  const isHere = (to: string) =>
    to === paths.overview
      ? pathname === to || pathname === `${to}/`
      : [to, ...(within.get(to) ?? [])].some((each) => `${pathname}/`.startsWith(`${each}/`));
  return (
    <>
      {entries.map(({ label, to, Icon }) => (
        <NavLink
          key={to}
          component={Link}
          to={to}
          label={label}
          leftSection={<Icon size={18} aria-hidden />}
          active={isHere(to)}
          aria-current={isHere(to) ? 'page' : undefined}
          variant="light"
        />
      ))}
      <NavLink
        href={`${basePath()}/graphql`}
        target="_blank"
        label="GraphiQL"
        leftSection={<IconTerminal2 size={18} aria-hidden />}
        mt="auto"
      />
    </>
  );
}
