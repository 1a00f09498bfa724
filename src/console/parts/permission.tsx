import { createContext, useContext } from 'react';
import { useSession } from '../api/hooks.ts';
import type { Permission } from '../api/request.ts';

const Needed = createContext<Permission>('edit');

/** What the buttons of a part of a page need: `edit` by default. */
export const Needs = Needed.Provider;

/** Why whoever is signed in may not use the buttons of this part; null if all may be used. The server decides again. */
export function useRefusal(needs?: Permission): string | null {
  const needed = useContext(Needed);
  const session = useSession();
  const permission = needs ?? needed;
  if (session === undefined || session.permissions.includes('admin')) return null;
  if (session.permissions.includes(permission)) return null;
  if (session.member === null) return 'This key has no scope for it.';
  return `This needs the role ${permission === 'admin' ? 'ADMIN' : 'EDITOR'}; yours is ${session.member.role}.`;
}
