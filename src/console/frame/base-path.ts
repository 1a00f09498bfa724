/** The path at which the server serves the console, such as `/kana`; empty at the root. The page names it. */
export const basePath = (): string =>
  document.querySelector<HTMLMetaElement>('meta[name="base-path"]')?.content ?? '';

/** The address of the server, for other programs. */
export const serverAddress = (): string => `${window.location.origin}${basePath()}`;
