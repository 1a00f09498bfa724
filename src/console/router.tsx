import type { ComponentType } from 'react';
import { createBrowserRouter, Navigate } from 'react-router';
import { environments } from './api/request.ts';
import { basePath } from './frame/base-path.ts';
import { Broken } from './frame/broken.tsx';
import { lastEnvironment } from './frame/environment.ts';
import { Frame } from './frame/frame.tsx';
import { NotFound } from './frame/not-found.tsx';
import { detailPages, mainPages } from './pages.ts';

const page = (load: () => Promise<{ Page: ComponentType }>) => ({
  lazy: async () => ({ Component: (await load()).Page }),
});

const pages = [
  { index: true, ...page(mainPages.overview) },
  { path: 'features', ...page(mainPages.features) },
  { path: 'features/:id', ...page(detailPages.feature) },
  { path: 'packages', ...page(mainPages.packages) },
  { path: 'packages/new', ...page(() => import('./packages/new-page.tsx')) },
  { path: 'packages/:id', ...page(detailPages.package) },
  { path: 'packages/:id/edit', ...page(() => import('./packages/edit-page.tsx')) },
  { path: 'packages/:id/migrate', ...page(() => import('./migrations/page.tsx')) },
  { path: 'users', ...page(mainPages.users) },
  { path: 'users/:id', ...page(detailPages.user) },
  { path: 'flagged-users', ...page(() => import('./users/flagged-page.tsx')) },
  { path: 'import-users', ...page(() => import('./users/import-page.tsx')) },
  { path: 'segment', ...page(mainPages.segment) },
  { path: 'configuration', ...page(mainPages.configuration) },
  { path: 'configuration/catalogue', ...page(() => import('./catalogue/catalogue-page.tsx')) },
  { path: 'configuration/webhooks', ...page(() => import('./webhooks/page.tsx')) },
  { path: 'configuration/stripe', ...page(() => import('./stripe/page.tsx')) },
  { path: 'configuration/audit-log', ...page(() => import('./audit/page.tsx')) },
  { path: 'configuration/members', ...page(() => import('./people/members-page.tsx')) },
  { path: 'account', ...page(() => import('./people/account-page.tsx')) },
  { path: '*', Component: NotFound },
];

/** Every page has a URL that starts with the environment, so that links can be shared. */
export const router = createBrowserRouter(
  [
    { path: '/', element: <Navigate to={`/${lastEnvironment()}`} replace /> },
    { path: '/invitation', ...page(() => import('./people/invitation-page.tsx')) },
    { path: '/password', ...page(() => import('./people/password-page.tsx')) },
    ...environments.map((environment) => ({
      path: `/${environment}`,
      element: <Frame environment={environment} />,
      errorElement: <Broken />,
      children: pages,
    })),
    { path: '*', element: <Navigate to={`/${lastEnvironment()}`} replace /> },
  ],
  { basename: basePath() || '/' },
);
