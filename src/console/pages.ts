/** The code of the pages that the navigation leads to. Each is loaded when it is needed, or pointed at. */
export const mainPages = {
  overview: () => import('./overview/page.tsx'),
  features: () => import('./features/list-page.tsx'),
  packages: () => import('./packages/list-page.tsx'),
  users: () => import('./users/list-page.tsx'),
  segment: () => import('./segment/page.tsx'),
  configuration: () => import('./catalogue/page.tsx'),
};
