import type { ComponentType } from 'react';
import { createBrowserRouter, Navigate } from 'react-router';
import { environments } from './api/request.ts';
import { basePath } from './frame/base-path.ts';
import { Broken } from './frame/broken.tsx';
import { lastEnvironment } from './frame/environment.ts';
import { Frame } from './frame/frame.tsx';
import { NotFound } from './frame/not-found.tsx';

const loads: (() => Promise<unknown>)[] = [];

function page(load: () => Promise<{ Page: ComponentType }>) {
  loads.push(load);
  return { lazy: async () => ({ Component: (await load()).Page }) };
}

/** Loads the code of all pages, one after another, so that none has to be waited for. */
export async function loadPages(): Promise<void> {
  // What cannot be loaded now is tried again when it is needed.
  for (const load of loads) await load().catch(() => undefined);
}

const pages = [
  { index: true, ...page(() => import('./overview/page.tsx')) },
  { path: 'features', ...page(() => import('./features/list-page.tsx')) },
  { path: 'features/:id', ...page(() => import('./features/feature-page.tsx')) },
  { path: 'packages', ...page(() => import('./packages/list-page.tsx')) },
  { path: 'packages/new', ...page(() => import('./packages/new-page.tsx')) },
  { path: 'packages/:id', ...page(() => import('./packages/package-page.tsx')) },
  { path: 'packages/:id/edit', ...page(() => import('./packages/edit-page.tsx')) },
  { path: 'packages/:id/migrate', ...page(() => import('./migrations/page.tsx')) },
  { path: 'users', ...page(() => import('./users/list-page.tsx')) },
  { path: 'users/:id', ...page(() => import('./users/user-page.tsx')) },
  { path: 'flagged-users', ...page(() => import('./users/flagged-page.tsx')) },
  { path: 'import-users', ...page(() => import('./users/import-page.tsx')) },
  { path: 'segment', ...page(() => import('./segment/page.tsx')) },
  { path: 'configuration', ...page(() => import('./catalogue/page.tsx')) },
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
