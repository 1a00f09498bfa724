import { ActionIcon, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { IconLogout, IconMoon, IconSun } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { sessionsKey } from '../api/hooks.ts';
import { type Environment, signOut } from '../api/request.ts';

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

export function SignOutButton({ environment, lastFour }: { environment: Environment; lastFour: string }) {
  const client = useQueryClient();
  const leave = useMutation({
    mutationFn: () => signOut(environment),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: sessionsKey });
      client.removeQueries({ queryKey: [environment] });
    },
  });
  const label = `Sign out of ${environment} (key …${lastFour})`;
  return (
    <Tooltip label={label}>
      <ActionIcon variant="default" size="lg" aria-label={label} onClick={() => leave.mutate()}>
        <IconLogout size={18} />
      </ActionIcon>
    </Tooltip>
  );
}
