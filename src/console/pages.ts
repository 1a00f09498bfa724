/** The code of the pages that the navigation leads to. Each is loaded when it is needed, or pointed at. */
export const mainPages = {
  overview: () => import('./overview/page.tsx'),
  features: () => import('./features/list-page.tsx'),
  packages: () => import('./packages/list-page.tsx'),
  users: () => import('./users/list-page.tsx'),
  segment: () => import('./segment/page.tsx'),
  configuration: () => import('./catalogue/page.tsx'),
};

/** The code of the pages that lists lead to. */
export const detailPages = {
  feature: () => import('./features/feature-page.tsx'),
  package: () => import('./packages/package-page.tsx'),
  user: () => import('./users/user-page.tsx'),
};

/** Loads the code of the pages above, one after the other. */
export async function loadPages(): Promise<void> {
  // What cannot be loaded now is tried again when it is needed.
  for (const load of [...Object.values(mainPages), ...Object.values(detailPages)])
    await load().catch(() => undefined);
}
