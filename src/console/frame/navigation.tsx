import { NavLink } from '@mantine/core';
import { IconPackage, IconTags, IconTerminal2, IconUsers } from '@tabler/icons-react';
import { Link, useLocation } from 'react-router';
import { usePaths } from './paths.ts';

export function Navigation() {
  const paths = usePaths();
  const { pathname } = useLocation();
  const entries = [
    { label: 'Features', to: paths.features, Icon: IconTags },
    { label: 'Packages', to: paths.packages, Icon: IconPackage },
    { label: 'Users', to: paths.users, Icon: IconUsers },
  ];
  const isHere = (to: string) =>
    to === paths.overview ? pathname === to || pathname === `${to}/` : `${pathname}/`.startsWith(`${to}/`);
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
        href="/graphql"
        target="_blank"
        label="GraphiQL"
        leftSection={<IconTerminal2 size={18} aria-hidden />}
        mt="auto"
      />
    </>
  );
}
