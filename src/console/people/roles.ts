import type { MemberRole } from '../generated/operations.ts';

/** What each role may do, in a sentence. */
export const roles: Record<MemberRole, string> = {
  VIEWER: 'A viewer sees everything, and changes nothing.',
  EDITOR: 'An editor also changes features, packages, users and what they have.',
  ADMIN: 'An admin does everything: also keys, members, webhooks, Stripe and settings.',
};

/** What each role is called. */
export const roleWords: Record<MemberRole, string> = { VIEWER: 'Viewer', EDITOR: 'Editor', ADMIN: 'Admin' };

export const roleNames = Object.keys(roles) as MemberRole[];
