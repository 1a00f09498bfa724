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

/** How long the page that opened has for its own answers, in milliseconds. */
const afterMs = 1_000;

/** Loads the code of the pages above, one after the other, once the first page is there: its own load stays small. */
export async function loadPages(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  // What cannot be loaded now is tried again when it is needed.
  for (const load of [...Object.values(mainPages), ...Object.values(detailPages)])
    await load().catch(() => undefined);
}
