import { useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { useNavigate } from 'react-router';
import { useAnswer, useEnvironment, useSession } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { ChoicesDocument, MembersDocument, UsersDocument } from '../generated/operations.ts';
import { roleWords } from '../people/roles.ts';
import type { Command } from './rules.ts';

const maxUsers = 6;

/**
 * Everything that the command menu offers here.
 *
 * @param search what was typed: users are looked up by it
 * @param subscribe opens the dialog that subscribes this user
 */
export function useCommands(search: string, subscribe: (userId: string) => void) {
  const paths = usePaths();
  const navigate = useNavigate();
  const environment = useEnvironment();
  const { setColorScheme } = useMantineColorScheme();
  const otherScheme = useComputedColorScheme('light') === 'light' ? 'dark' : 'light';
  const otherEnvironment = environment === 'test' ? 'live' : 'test';
  const choices = useAnswer(ChoicesDocument, {});
  // The word before the name is a verb: “subscribe ada” finds Ada.
  const name = search.replace(/^subscribe\s+/i, '');
  const users = useAnswer(
    UsersDocument,
    { search: name, first: maxUsers, after: undefined },
    { enabled: name !== '', keepPrevious: true },
  );
  const goTo = (path: string) => () => void navigate(path);
  const session = useSession();
  const isAdmin = session?.permissions.includes('admin') === true;
  const members = useAnswer(MembersDocument, {}, { enabled: isAdmin && search !== '' });
  const page = (label: string, path: string, words?: string): Command => ({
    key: `page ${label}`,
    label,
    group: 'Pages',
    ...(words === undefined ? {} : { words }),
    run: goTo(path),
  });
  const action = (label: string, run: () => void): Command => ({
    key: `action ${label}`,
    label,
    group: 'Actions',
    run,
  });
  const found = name === '' ? [] : (users.data?.users ?? []);
  const commands: Command[] = [
    ...found.map(({ id, name: itsName, email }) => ({
      key: `user ${id}`,
      label: itsName || email || id,
      group: 'Users' as const,
      words: [id, email].filter(Boolean).join(' · '),
      isFound: true,
      run: goTo(paths.user(id)),
    })),
    ...(search === ''
      ? []
      : [
          ...(choices.data?.features ?? []).map((each) => ({
            key: `feature ${each.id}`,
            label: each.name,
            group: 'Features' as const,
            words: each.id,
            run: goTo(paths.feature(each.id)),
          })),
          ...(choices.data?.packages ?? []).map((each) => ({
            key: `package ${each.id}`,
            label: each.name,
            group: 'Packages' as const,
            words: each.id,
            run: goTo(paths.package(each.id)),
          })),
          ...(members.data?.members ?? []).map((each) => ({
            key: `member ${each.id}`,
            label: each.name,
            group: 'Members' as const,
            words: [each.email, roleWords[each.role]].join(' · '),
            run: goTo(paths.members),
          })),
        ]),
    ...(name === search ? found.slice(0, 1) : found).map(({ id, name: itsName }) => ({
      key: `subscribe ${id}`,
      label: `Subscribe ${itsName || id}`,
      group: 'Actions' as const,
      words: id,
      run: () => subscribe(id),
    })),
    action('New feature', goTo(paths.newFeature)),
    action('New package', goTo(paths.newPackage)),
    action('New user', goTo(paths.newUser)),
    ...(isAdmin ? [action('Invite a person', goTo(paths.invite))] : []),
    action(`Switch to ${otherEnvironment}`, goTo(`/${otherEnvironment}`)),
    action(`Switch to ${otherScheme} colours`, () => setColorScheme(otherScheme)),
    page('Overview', paths.overview),
    page('Features', paths.features),
    page('Packages', paths.packages),
    page('Users', paths.users),
    page('Users blocked by a limit', `${paths.users}?limit=reached&order=use_desc`),
    page('Flagged users', paths.flaggedUsers),
    page('Import and export users', paths.importUsers),
    page('Segment', paths.segment),
    page('Configuration', paths.configuration, 'Settings and keys'),
    page('Catalogue file', paths.catalogue),
    page('Webhooks', paths.webhooks, 'Configuration'),
    page('Stripe', paths.stripe),
    ...(isAdmin ? [page('Members', paths.members, 'People and roles')] : []),
    ...(session?.member ? [page('Your account', paths.account)] : []),
    page('Audit log', paths.auditLog, 'Change history'),
    page('Changes of the last 7 days', paths.lastWeek(), 'Audit log'),
  ];
  return { commands, isLooking: users.isFetching };
}
