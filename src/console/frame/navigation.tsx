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
import { useAhead } from '../api/hooks.ts';
import {
  ApiKeysDocument,
  ChoicesDocument,
  FeaturesDocument,
  PackagesDocument,
  SegmentDocument,
  UserCountDocument,
  UserListDocument,
} from '../generated/operations.ts';
import { useOverviewAhead } from '../overview/ahead.ts';
import { loadPages, mainPages } from '../pages.ts';
import { basePath } from './base-path.ts';
import { usePaths } from './paths.ts';

/** Loads the code of a page and asks for what it shows; then loads the code of the others. */
function prepare(load: () => Promise<unknown>, ask?: () => unknown): void {
  // What cannot be loaded now is tried again when it is needed.
  Promise.all([load(), ask?.()])
    .then(loadPages)
    .catch(() => undefined);
}

export function Navigation() {
  const paths = usePaths();
  const { pathname } = useLocation();
  const ahead = useAhead();
  const overview = useOverviewAhead();
  const entries = [
    { label: 'Overview', to: paths.overview, Icon: IconChartBar, load: mainPages.overview, ask: overview },
    {
      label: 'Features',
      to: paths.features,
      Icon: IconTags,
      load: mainPages.features,
      ask: () => ahead(FeaturesDocument, {}),
    },
    {
      label: 'Packages',
      to: paths.packages,
      Icon: IconPackage,
      load: mainPages.packages,
      ask: () => ahead(PackagesDocument, {}),
    },
    {
      label: 'Users',
      to: paths.users,
      Icon: IconUsers,
      load: mainPages.users,
      ask: async () => {
        // Loaded with the page.
        const { listOf, usualView } = await import('../users/view.ts');
        const list = listOf(usualView);
        ahead(UserListDocument, list);
        ahead(UserCountDocument, { filter: list.filter });
        ahead(ChoicesDocument, {});
      },
    },
    {
      label: 'Segment',
      to: paths.segment,
      Icon: IconPlugConnected,
      load: mainPages.segment,
      ask: () => ahead(SegmentDocument, {}),
    },
    {
      label: 'Configuration',
      to: paths.configuration,
      Icon: IconAdjustments,
      load: mainPages.configuration,
      ask: () => ahead(ApiKeysDocument, {}),
    },
  ];
  /** Pages whose URL does not start with their section. */
  const within = new Map([[paths.users, [paths.flaggedUsers, paths.importUsers]]]);
  const isHere = (to: string) =>
    to === paths.overview
      ? pathname === to || pathname === `${to}/`
      : [to, ...(within.get(to) ?? [])].some((each) => `${pathname}/`.startsWith(`${each}/`));
  return (
    <>
      {entries.map(({ label, to, Icon, load, ask }) => (
        <NavLink
          key={to}
          component={Link}
          to={to}
          label={label}
          leftSection={<Icon size={18} aria-hidden />}
          // A link that is pointed at is usually clicked next.
          onMouseEnter={() => prepare(load, ask)}
          onFocus={() => prepare(load, ask)}
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
