import { ActionIcon, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { IconLogout, IconMoon, IconSun, IconUser } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from 'react-router';
import { sessionsKey } from '../api/hooks.ts';
import { type Environment, signOut } from '../api/request.ts';
import { usePaths } from './paths.ts';

export function ColorSchemeButton() {
  const { setColorScheme } = useMantineColorScheme();
  const next = useComputedColorScheme('light') === 'light' ? 'dark' : 'light';
  const label = `Switch to ${next} colours`;
  return (
    <Tooltip label={label}>
      <ActionIcon variant="default" size="lg" aria-label={label} onClick={() => setColorScheme(next)}>
        {next === 'dark' ? <IconMoon size={18} /> : <IconSun size={18} />}
      </ActionIcon>
    </Tooltip>
  );
}

/** Who is signed in as a member; leads to the own account. */
export function AccountLink({ name }: { name: string }) {
  const paths = usePaths();
  const label = `Your account (${name})`;
  return (
    <Tooltip label={label}>
      <ActionIcon component={Link} to={paths.account} variant="default" size="lg" aria-label={label}>
        <IconUser size={18} />
      </ActionIcon>
    </Tooltip>
  );
}

/** @param as who is signed in */
export function SignOutButton({ environment, as }: { environment: Environment; as: string }) {
  const client = useQueryClient();
  const leave = useMutation({
    mutationFn: () => signOut(environment),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: sessionsKey });
      client.removeQueries({ queryKey: [environment] });
    },
  });
  const label = `Sign out of ${environment} (${as})`;
  return (
    <Tooltip label={label}>
      <ActionIcon variant="default" size="lg" aria-label={label} onClick={() => leave.mutate()}>
        <IconLogout size={18} />
      </ActionIcon>
    </Tooltip>
  );
}
