import { Anchor, Group } from '@mantine/core';
import { Link, useLocation } from 'react-router';
import { useSession } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { useOpenTab } from '../parts/open-tab.ts';
import { PageHead } from '../parts/page-head.tsx';

/** The title and the tabs of the configuration pages. */
export function ConfigurationHead({ title }: { title: string }) {
  const paths = usePaths();
  const { pathname } = useLocation();
  const isAdmin = useSession()?.permissions.includes('admin') === true;
  const pages = [
    { label: 'API keys', to: paths.configuration },
    { label: 'Webhooks', to: paths.webhooks },
    { label: 'Catalogue', to: paths.catalogue },
    { label: 'Stripe', to: paths.stripe },
    ...(isAdmin ? [{ label: 'Members', to: paths.members }] : []),
    { label: 'Audit log', to: paths.auditLog },
  ];
  const tabs = useOpenTab('[aria-current="page"]');
  return (
    <>
      <PageHead title={title} />
      <Group ref={tabs} component="nav" aria-label="Configuration" gap={0} mb="lg" className="tabs">
        {pages.map(({ label, to }) => (
          <Anchor
            key={to}
            component={Link}
            to={to}
            aria-current={pathname === to ? 'page' : undefined}
            className="tab"
            fz="sm"
          >
            {label}
          </Anchor>
        ))}
      </Group>
    </>
  );
}
