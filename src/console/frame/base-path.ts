/** The path at which the server serves the console, such as `/kana`; empty at the root. The page names it. */
export const basePath = (): string => told('base-path');

/** The command that lists and makes keys where this server runs. The page names it. */
export const keysCommand = (): string => told('keys-command');

const told = (name: string): string =>
  document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? '';

/** The address of the server, for other programs. */
export const serverAddress = (): string => `${window.location.origin}${basePath()}`;
